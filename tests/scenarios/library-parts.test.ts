import { generateKeyPairSync } from "node:crypto";
import { createServer as createHttpServer } from "node:http";
import { createMetrics, inProcessController, type Identity, type InProcessApplication } from "ropeway";
import { broadcastKey, httpBroadcaster } from "ropeway/http-broadcaster";
import { httpController, rpcKey } from "ropeway/http-rpc";
import { jwtIdentity } from "ropeway/jwt";
import { redisPubsubBroadcaster } from "ropeway/redis-broadcaster";
import { cableReadyChannel, pubsubChannel, signedName, turboStreamsChannel } from "ropeway/signed-streams";
import { websocketTransport } from "ropeway/websocket";
import { createClient } from "@redis/client";
import { afterEach, describe, expect, it } from "vitest";
import { CableClient } from "../support/cable-client.ts";
import { startEmbedded, type Embedded } from "../support/embedded.ts";
import { freePort } from "../support/free-port.ts";
import { startHttpApp } from "../support/http-app.ts";
import { keyPair, startJwksServer } from "../support/jwks-server.ts";
import { startRedis } from "../support/redis-server.ts";
import { foreignNames, signedName as signedByOthers } from "../support/signed-names.ts";
import { signed } from "../support/tokens.ts";

const identifierOf = (channel: string, params: Record<string, string>): string => JSON.stringify({ channel, ...params });
const news = identifierOf("$pubsub", { stream_name: "news" });
const everybody: Identity = { identify: (_handshake, sid) => ({ status: "accepted", identifiers: sid }) };
const unauthorized = { type: "disconnect", reason: "unauthorized", reconnect: false };

/** What the package exports besides the core, each part as it is without options that it can do without. */
describe("the library's", () => {
  const undo: (() => unknown)[] = [];
  afterEach(async () => {
    for (const step of undo.splice(0).toReversed()) await step();
  });

  async function start(...args: Parameters<typeof startEmbedded>): Promise<Embedded> {
    const embedded = await startEmbedded(...args);
    undo.push(() => embedded.stop());
    return embedded;
  }

  async function firstWord(url: string): Promise<Record<string, unknown>> {
    const client = new CableClient(url);
    undo.push(() => client.drop());
    return client.next();
  }

  describe("ropeway/jwt", () => {
    const opens: InProcessApplication = {
      connect: () => ({ status: "accepted", identifiers: "guest" }),
      command: ({ connectionIdentifiers }) => ({ messages: [connectionIdentifiers] }),
    };
    const controller = inProcessController(opens);

    async function whoIs(url: string): Promise<unknown> {
      const client = await CableClient.connect(url);
      undo.push(() => client.drop());
      await client.subscribe(identifierOf("Who", {}));
      return (await client.next())["message"];
    }

    it("knows clients by tokens of each of its secrets, and asks the application about those without", async () => {
      const { url } = await start({ controller, identities: [jwtIdentity({ secrets: ["new", "old"] })] });
      for (const secret of ["new", "old"]) expect(await whoIs(`${url}?jid=${await signed({ ext: "ann" }, secret)}`)).toBe("ann");
      expect(await firstWord(`${url}?jid=${await signed({ ext: "ann" }, "other")}`)).toEqual(unauthorized);
      expect(await firstWord(`${url}?jid=${await signed({ ext: "ann", exp: 1 }, "new")}`)).toMatchObject({ reason: "token_expired" });
      expect(await whoIs(url)).toBe("guest");
    });

    it("refuses those without when tokens are enforced", async () => {
      const { url } = await start({ controller, identities: [jwtIdentity({ secrets: ["s"], isEnforced: true, param: "token" })] });
      expect(await firstWord(url)).toEqual(unauthorized);
      expect(await whoIs(`${url}?token=${await signed({ ext: "ann" }, "s")}`)).toBe("ann");
    });

    it("takes public keys as PEM", async () => {
      const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const pem = publicKey.export({ type: "spki", format: "pem" }).toString();
      const { url } = await start({ controller, identities: [jwtIdentity({ publicKeys: pem })] });
      expect(await whoIs(`${url}?jid=${await signed({ ext: "ann" }, privateKey, { alg: "ES256" })}`)).toBe("ann");
    });

    it("fetches a JWK Set, again and again", async () => {
      const host = await startJwksServer();
      undo.push(() => host.stop());
      const { privateKey, jwk } = await keyPair("RS256", "one");
      host.publish(jwk);
      const { url } = await start({ controller, identities: [jwtIdentity({ jwks: host.url, jwksRefreshIntervalMs: 20 })] });
      expect(await whoIs(`${url}?jid=${await signed({ ext: "ann" }, privateKey, { alg: "RS256", kid: "one" })}`)).toBe("ann");
      await expect.poll(() => host.requests.length).toBeGreaterThan(2);
    });

    it("does not start with a JWK Set that is not there, and needs a key to begin with", async () => {
      await expect(start({ identities: [jwtIdentity({ jwks: "/no/such/file.json" })] })).rejects.toMatchObject({
        code: "config.unreadable_file",
      });
      expect(() => jwtIdentity({})).toThrow("give secrets, publicKeys or jwks");
      expect(() => jwtIdentity({ secrets: [""] })).toThrow("can't be empty");
    });
  });

  describe("ropeway/signed-streams", () => {
    it("lets whoever has a signed name hear its stream, and makes such names", async () => {
      const { secret } = foreignNames;
      const localChannels = [pubsubChannel({ secrets: [secret] }), turboStreamsChannel(["turbo"]), cableReadyChannel(["cable-ready"])];
      const { url, server } = await start({ identities: [everybody], localChannels });
      const client = await CableClient.connect(url);
      undo.push(() => client.drop());
      for (const identifier of [
        identifierOf("$pubsub", { signed_stream_name: signedName("chat/ä", secret) }),
        identifierOf("$pubsub", { signed_stream_name: signedByOthers("chat/ä", secret) }),
        identifierOf("Turbo::StreamsChannel", { signed_stream_name: signedName("chat/ä", "turbo") }),
        identifierOf("CableReady::Stream", { identifier: signedName("chat/ä", "cable-ready") }),
      ]) {
        expect(await client.subscribe(identifier)).toEqual({ type: "confirm_subscription", identifier });
        await server.publish("chat/ä", 1);
        expect(await client.next()).toEqual({ identifier, message: 1 });
        client.say({ command: "unsubscribe", identifier });
      }
      for (const identifier of [news, identifierOf("$pubsub", { signed_stream_name: signedName("news", "turbo") })]) {
        expect(await client.subscribe(identifier)).toEqual({ type: "reject_subscription", identifier });
      }
    });

    it("signs as others do, and nothing with an empty secret", () => {
      // Ours pads its base64, as Ruby does; the vectors beside the fixtures are what others made.
      for (const { name, signed: theirs } of foreignNames.names.filter(({ by }) => by.startsWith("@anycable/serverless-js"))) {
        expect(signedName(name, foreignNames.secret)).toBe(theirs);
      }
      expect(() => signedName("chat", "")).toThrow("can be empty");
      expect(() => signedName("", "s")).toThrow("can be empty");
      expect(() => pubsubChannel({ secrets: [""] })).toThrow("can't be empty");
    });

    it("opens streams to everybody only when told to", async () => {
      const { url, server } = await start({ identities: [everybody], localChannels: [pubsubChannel({ publicStreams: true })] });
      const client = await CableClient.connect(url);
      undo.push(() => client.drop());
      await client.subscribe(news);
      await server.publish("news", 1);
      expect(await client.next()).toEqual({ identifier: news, message: 1 });
    });
  });

  describe("ropeway/http-rpc", () => {
    it("asks an application over HTTP, with the key that follows from its secret, and counts", async () => {
      const app = await startHttpApp({
        key: rpcKey("app-secret"),
        application: {
          connect: () => ({ identifiers: "ann", transmissions: ['{"type":"welcome"}'] }),
          command: ({ identifier }) => ({
            streams: ["news"],
            transmissions: [JSON.stringify({ identifier, type: "confirm_subscription" })],
          }),
        },
      });
      undo.push(() => app.kill());
      const metrics = createMetrics();
      const controller = httpController({ url: app.url, key: rpcKey("app-secret"), metrics });
      const { url, server } = await start({ controller, metrics });
      const client = await CableClient.connect(url, { headers: { cookie: "a=1" } });
      undo.push(() => client.drop());
      await client.subscribe(news);
      await server.publish("news", 1);
      expect(await client.next()).toEqual({ identifier: news, message: 1 });
      expect(app.calls.map(({ method }) => method)).toEqual(["Connect", "Command"]);
      expect(metrics.counters.rpc_call_total).toBe(2);
      expect(() => rpcKey("")).toThrow("can't be empty");
    });

    it("spares an application that is away: the circuit opens, and calls fail at once", async () => {
      const metrics = createMetrics();
      const url = `http://127.0.0.1:${await freePort()}/_anycable`;
      const controller = httpController({ url, metrics, commandTimeoutMs: 100 });
      const embedded = await start({ controller, metrics });
      expect(metrics.gauges.rpc_circuit_open?.()).toBe(0);
      await expect
        .poll(
          async () => {
            await Promise.all(Array.from({ length: 5 }, () => new CableClient(embedded.url).ended));
            return metrics.gauges.rpc_circuit_open?.();
          },
          { timeout: 10_000 },
        )
        .toBe(1);
      expect(controller.isReachable?.()).toBe(false);
    });
  });

  describe("ropeway/http-broadcaster", () => {
    it("takes publications on the HTTP server of somebody else, from those who know the key", async () => {
      const broadcaster = httpBroadcaster({ key: broadcastKey("app-secret"), maxBodyBytes: 100 });
      const http = createHttpServer((request, response) => {
        if (request.url === "/publish") broadcaster.handler(request, response);
        else response.end("page");
      });
      const parts = { identities: [everybody], localChannels: [pubsubChannel({ publicStreams: true })], broadcasters: [broadcaster] };
      const { url, httpUrl, server } = await start(parts, http);
      const client = await CableClient.connect(url);
      undo.push(() => client.drop());
      await client.subscribe(news);
      const publish = async (key: string, data: string): Promise<number> => {
        const body = JSON.stringify({ stream: "news", data });
        return (await fetch(httpUrl("/publish"), { method: "POST", headers: { authorization: `Bearer ${key}` }, body })).status;
      };
      expect(await publish(broadcastKey("app-secret"), "1")).toBe(201);
      expect(await client.next()).toEqual({ identifier: news, message: 1 });
      expect(await publish(broadcastKey("other"), "2")).toBe(401);
      expect(await publish(broadcastKey("app-secret"), "3".repeat(100))).toBe(413);
      expect(await client.sync()).toEqual([]);
      expect(await (await fetch(httpUrl("/"))).text()).toBe("page");
      await server.stop();
      expect(await publish(broadcastKey("app-secret"), "4")).toBe(503);
      expect(() => broadcastKey("")).toThrow("can't be empty");
    });
  });

  describe("ropeway/redis-broadcaster", () => {
    it("takes publications from a Redis, also one that comes back", async () => {
      const redis = await startRedis();
      undo.push(() => redis.kill());
      const broadcaster = redisPubsubBroadcaster({ url: `redis://127.0.0.1:${redis.port}` });
      const parts = { identities: [everybody], localChannels: [pubsubChannel({ publicStreams: true })], broadcasters: [broadcaster] };
      const { url } = await start(parts);
      const client = await CableClient.connect(url);
      undo.push(() => client.drop());
      await client.subscribe(news);
      for (const data of ["1", "2"]) {
        await expect.poll(() => broadcaster.state?.().isConnected, { timeout: 10_000 }).toBe(true);
        const publisher = createClient({ url: `redis://127.0.0.1:${redis.port}` });
        await publisher.connect();
        await publisher.publish("__anycable__", JSON.stringify({ stream: "news", data }));
        publisher.destroy();
        expect(await client.next()).toEqual({ identifier: news, message: Number(data) });
        await redis.kill();
        await expect.poll(() => broadcaster.state?.().isConnected, { timeout: 10_000 }).toBe(false);
        await redis.restart();
      }
    });
  });

  describe("ropeway/websocket", () => {
    it("believes proxies that it is told of, and nobody else", async () => {
      const seen: unknown[] = [];
      const application: InProcessApplication = {
        connect({ env }) {
          seen.push([env.url, env.headers.get("REMOTE_ADDR")]);
          return { status: "accepted", identifiers: "ann" };
        },
        command: () => undefined,
      };
      for (const trustedProxies of [["loopback"], ["10.0.0.0/8"]]) {
        const transports = [websocketTransport({ trustedProxies })];
        const { url } = await start({ transports, controller: inProcessController(application) });
        const headers = { "x-forwarded-for": "198.51.100.7", "x-forwarded-proto": "https", "x-forwarded-host": "cable.test" };
        await (await CableClient.connect(url, { headers })).drop();
        if (trustedProxies[0] === "loopback") expect(seen.pop()).toEqual(["https://cable.test/cable", "198.51.100.7"]);
        else expect(seen.pop()).toEqual([url.replace("ws:", "http:"), "127.0.0.1"]);
      }
      expect(() => websocketTransport({ trustedProxies: ["10.0.0.0/8", "proxy.internal"] })).toThrow('"proxy.internal"');
    });
  });
});
