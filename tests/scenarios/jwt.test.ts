import { createCable, Monitor, type Cable, type CreateOptions, type ProtocolID } from "@anycable/core";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { CableClient } from "../support/cable-client.ts";
import { keyPair, startJwksServer, type JwksServer } from "../support/jwks-server.ts";
import { startRopeway, type Ropeway } from "../support/ropeway.ts";
import { channel, hears, RpcStage } from "../support/rpc-stage.ts";
import { runRopeway } from "../support/run-command.ts";
import { foreignTokens, signed } from "../support/tokens.ts";
import { askUpgrade } from "../support/upgrade-request.ts";

const secret = "qwerty";
const ext = JSON.stringify({ user: "gid://app/User/7" });
const inAnHour = (): number => Math.floor(Date.now() / 1000) + 3600;
const fresh = (claims: object = {}): Promise<string> => signed({ ext, exp: inAnHour(), ...claims }, secret);
const stale = (): Promise<string> => signed({ ext, exp: inAnHour() - 7200 }, secret);

const unauthorized = { type: "disconnect", reason: "unauthorized", reconnect: false };
const expired = { type: "disconnect", reason: "token_expired", reconnect: false };
const authFailed = { code: 1000, reason: "Auth Failed" };

/** What a client that is not let in hears, and how it ends. */
async function turnedAway(url: string, options?: ConstructorParameters<typeof CableClient>[1]): Promise<object> {
  const client = new CableClient(url, options);
  const ending = await client.ended;
  return { heard: client.unread, ending };
}

const withProtocol = (token: string): { protocols: string[] } => ({ protocols: ["actioncable-v1-json", `anycable-token.${token}`] });

describe("tokens alone decide, under another name", () => {
  let ropeway: Ropeway;

  beforeAll(async () => {
    const flags = ["--norpc", `--secret=${secret}`, "--jwt_param=token", "--enforce_jwt", "--log_level=debug"];
    ropeway = await startRopeway(flags, { ROPEWAY_JWT_PREVIOUS_SECRETS: "old, secret" });
  });

  afterAll(() => ropeway.stop());

  it("in the query, the header and the subprotocol", async () => {
    const token = await fresh();
    const ways: readonly (readonly [query: string, options: ConstructorParameters<typeof CableClient>[1]])[] = [
      [`?token=${token}`, {}],
      [`?token=${token}&token=other`, {}],
      ["", { headers: { "X-Token": token } }],
      ["", withProtocol(token)],
      ["?token=other", withProtocol(token)],
      ["?token=other", { ...withProtocol("other"), headers: { "x-token": token } }],
    ];
    for (const [query, options] of ways) {
      const client = new CableClient(ropeway.cable + query, options);
      expect(await client.next()).toEqual({ type: "welcome", sid: expect.stringMatching(/.{20}/u) });
      expect(client.socket.protocol).toBe("actioncable-v1-json");
      await client.close();
    }
  });

  it("and nothing else: not the default name, not a cookie, not a bearer", async () => {
    const token = await fresh();
    const headers = { "x-jid": token, cookie: `token=${token}`, authorization: `Bearer ${token}` };
    expect(await turnedAway(`${ropeway.cable}?jid=${token}`, { headers })).toEqual({ heard: [unauthorized], ending: authFailed });
    expect(await turnedAway(`${ropeway.cable}?token=`)).toEqual({ heard: [unauthorized], ending: authFailed });
  });

  it("whoever made them", async () => {
    for (const { token } of foreignTokens.tokens.filter(({ key }) => key === "secret")) {
      await (await CableClient.connect(`${ropeway.cable}?token=${token}`)).close();
    }
    for (const { what, token, reason } of foreignTokens.refused) {
      const heard = [reason === "token_expired" ? expired : unauthorized];
      expect(await turnedAway(`${ropeway.cable}?token=${token}`), what).toEqual({ heard, ending: authFailed });
    }
  });

  it("of the secret that is being replaced too", async () => {
    await (await CableClient.connect(`${ropeway.cable}?token=${await signed({ ext }, "old, secret")}`)).close();
    expect(await turnedAway(`${ropeway.cable}?token=${await signed({ ext }, "old")}`)).toMatchObject({ heard: [unauthorized] });
  });

  it("tell an expired one from a wrong one, whichever way it came", async () => {
    const token = await stale();
    for (const [query, options] of [[`?token=${token}`], ["", { headers: { "x-token": token } }], ["", withProtocol(token)]] as const) {
      expect(await turnedAway(ropeway.cable + query, options)).toEqual({ heard: [expired], ending: authFailed });
    }
  });

  it("are counted when they are refused, and the log says why, by sid, without the token", async () => {
    const before = await ropeway.metric("anycable_go_failed_auths_total");
    const linesBefore = ropeway.log.length;
    const tokens = [await stale(), await fresh({ ext: 7 }), await signed({ ext }, "other")];
    for (const token of tokens) await turnedAway(`${ropeway.cable}?token=${token}`, withProtocol(token));
    expect(await ropeway.metric("anycable_go_failed_auths_total")).toBe(before + 3);
    const refusals = ropeway.log.slice(linesBefore).filter(({ msg }) => msg === "connection refused");
    expect(refusals.map(({ why }) => why)).toEqual(["expired", "its claim ext is no string", "wrong signature"]);
    for (const { sid } of refusals) expect(sid).toMatch(/.{20}/u);
    const everything = JSON.stringify(ropeway.log) + ropeway.output.join("\n");
    for (const token of tokens) for (const part of token.split(".").slice(1)) expect(everything).not.toContain(part);
    expect(everything).not.toContain(secret);
  });

  it("can be large, as far as a request can", async () => {
    const token = await fresh({ note: "x".repeat(9_000) });
    await (await CableClient.connect(`${ropeway.cable}?token=${token}`)).close();
    // Nobody reads the rest of it, so the end of the connection may overtake the answer.
    const answer = await askUpgrade(ropeway.cable, { "x-token": "x".repeat(200_000) }).then(
      ({ status }) => status,
      (error: NodeJS.ErrnoException) => error.code,
    );
    expect([431, "ECONNRESET"]).toContain(answer);
    expect(ropeway.process.exitCode).toBeNull();
  });

  it("serve as identifiers: the application can disconnect those who have the same", async () => {
    const one = await CableClient.connect(`${ropeway.cable}?token=${await fresh()}`);
    const other = await CableClient.connect(`${ropeway.cable}?token=${await fresh({ ext: "{}" })}`);
    expect(await ropeway.publish({ command: "disconnect", payload: { identifier: ext, reconnect: false } })).toBe(201);
    expect(await one.next()).toEqual({ type: "disconnect", reason: "remote", reconnect: false });
    expect(await other.sync()).toEqual([]);
    await other.close();
  });
});

describe("beside an application that is asked over RPC", () => {
  let stage: RpcStage;

  beforeAll(async () => {
    stage = await RpcStage.start([`--secret=${secret}`, "--public_streams"]);
  });

  beforeEach(() => stage.reset());

  afterAll(() => stage.stop());

  it("a client with a token is not asked about, at neither end", async () => {
    const { client, sid } = await stage.connect({}, `?jid=${await fresh()}`);
    await client.subscribe(JSON.stringify({ channel: "$pubsub", stream_name: "news" }));
    await client.close();
    await stage.isEmpty();
    expect(stage.calls(sid)).toEqual([]);
  });

  it("a client with a token and a channel of the application is known there by its identifiers", async () => {
    const token = await fresh();
    const { client, sid } = await stage.connect({}, `?jid=${token}`);
    expect(await client.subscribe(channel("ChatChannel"))).toEqual(hears.confirm(channel("ChatChannel")));
    expect(stage.calls(sid)).toMatchObject([
      { method: "Command", request: { connectionIdentifiers: ext, env: { url: expect.stringContaining(`?jid=${token}`) } } },
    ]);
    await client.close();
    await expect.poll(() => stage.calls(sid).map(({ method }) => method)).toEqual(["Command", "Disconnect"]);
    expect(stage.calls(sid)[1]!.request).toMatchObject({ identifiers: ext });
  });

  it("the application sees the token as a header, however it came, and no other header more", async () => {
    const token = await fresh();
    for (const options of [{ headers: { "X-JID": token, "x-other": "1" } }, withProtocol(token)]) {
      const { client, sid } = await stage.connect(options);
      await client.subscribe(channel("ChatChannel"));
      const { headers } = stage.calls(sid)[0]!.request.env!;
      expect(headers).toEqual(
        new Map([
          ["x-jid", token],
          ["REMOTE_ADDR", "127.0.0.1"],
        ]),
      );
      await client.close();
    }
  });

  it("a client without a token is asked about", async () => {
    const { client, sid } = await stage.connect();
    expect(stage.calls(sid)).toMatchObject([{ method: "Connect", request: { env: { headers: new Map([["REMOTE_ADDR", "127.0.0.1"]]) } } }]);
    await client.close();
  });

  it("a client with a bad token is refused, and not asked about", async () => {
    const before = stage.connects.length;
    expect(await turnedAway(`${stage.ropeway.cable}?jid=nonsense`)).toEqual({ heard: [unauthorized], ending: authFailed });
    expect(await turnedAway(`${stage.ropeway.cable}?jid=${await stale()}`)).toEqual({ heard: [expired], ending: authFailed });
    expect(stage.connects.length).toBe(before);
  });

  it("what a client says before it is known is carried out after the welcome", async () => {
    const client = new CableClient(`${stage.ropeway.cable}?jid=${await fresh()}`);
    client.socket.once("open", () => client.say({ command: "subscribe", identifier: "early" }));
    expect(await client.next()).toMatchObject({ type: "welcome" });
    expect(await client.next()).toEqual(hears.confirm("early"));
    await client.close();
  });
});

describe("@anycable/core", () => {
  let ropeway: Ropeway;

  beforeAll(async () => {
    ropeway = await startRopeway(["--norpc", `--jwt_secret=${secret}`, "--enforce_jwt", "--public_streams"]);
  });

  afterAll(() => ropeway.stop());

  function cableFor(token: string, options: Partial<CreateOptions<ProtocolID>>): Cable {
    const cable = createCable(ropeway.cable, {
      auth: { token },
      websocketImplementation: WebSocket,
      logLevel: "error",
      reconnectStrategy: () => 50,
      ...options,
    });
    onTestFinished(() => {
      cable.disconnect();
      if (cable.monitor instanceof Monitor) cable.monitor.dispose();
    });
    return cable;
  }

  // Its types call the first one "params", its code does not.
  const strategies = ["param", "header", "sub-protocol"] as CreateOptions<ProtocolID>["websocketAuthStrategy"][];

  it.each(strategies)("connects by %s, and hears what is published", async (websocketAuthStrategy) => {
    const cable = cableFor(await fresh(), { websocketAuthStrategy });
    await cable.connect();
    const pubsub = cable.subscribeTo("$pubsub", { stream_name: websocketAuthStrategy });
    const heard: unknown[] = [];
    pubsub.on("message", (message) => void heard.push(message));
    await pubsub.ensureSubscribed();
    expect(await ropeway.publish({ stream: websocketAuthStrategy, data: '{"hello":1}' })).toBe(201);
    await expect.poll(() => heard).toEqual([{ hello: 1 }]);
  });

  it.each(strategies)("gets a new token by %s when the old one has expired, and comes back", async (websocketAuthStrategy) => {
    const refreshed: string[] = [];
    const cable = cableFor(await stale(), {
      websocketAuthStrategy,
      async tokenRefresher(transport) {
        refreshed.push(await fresh());
        transport.setToken(refreshed.at(-1)!);
      },
    });
    const connected = new Promise((resolve) => cable.on("connect", resolve));
    await expect(cable.connect()).rejects.toMatchObject({ reason: "token_expired" });
    await connected;
    expect(cable.state).toBe("connected");
    expect(refreshed).toHaveLength(1);
  });

  it("does not ask for another when the new one has expired as well", async () => {
    let refreshed = 0;
    const cable = cableFor(await stale(), {
      async tokenRefresher(transport) {
        refreshed++;
        transport.setToken(await stale());
      },
    });
    const closings: unknown[] = [];
    cable.on("close", (event) => void closings.push(event?.reason));
    await expect(cable.connect()).rejects.toMatchObject({ reason: "token_expired" });
    await expect.poll(() => closings).toEqual(["token_expired", "token_expired"]);
    expect([refreshed, cable.state]).toEqual([1, "closed"]);
  });

  it("stays away with a token that is wrong", async () => {
    const cable = cableFor("nonsense", {});
    await expect(cable.connect()).rejects.toMatchObject({ reason: "unauthorized" });
    expect(cable.state).toBe("closed");
  });
});

describe("public keys", () => {
  let jwks: JwksServer;

  beforeAll(async () => {
    jwks = await startJwksServer();
  });

  afterAll(() => jwks.stop());

  const tokenBy = ({ alg, privateKey, jwk }: Awaited<ReturnType<typeof keyPair>>): Promise<string> =>
    signed({ ext, exp: inAnHour() }, privateKey, { alg, ...(jwk.kid !== undefined && { kid: jwk.kid }) });

  async function start(...flags: readonly string[]): Promise<Ropeway> {
    const ropeway = await startRopeway(["--norpc", "--enforce_jwt", "--readiness_path=/ready", ...flags]);
    onTestFinished(async () => {
      await ropeway.stop();
    });
    return ropeway;
  }

  async function jwksPart(ropeway: Ropeway): Promise<readonly [status: number, ok: unknown]> {
    const response = await fetch(ropeway.http("/ready"));
    const { parts } = (await response.json()) as { parts: Record<string, { ok: boolean }> };
    return [response.status, parts["jwks"]!.ok];
  }

  it("in PEM verify what their private halves have signed, and switch off tokens of the secret", async () => {
    const { es256, eddsa } = foreignTokens.publicKeys;
    const ropeway = await start(`--secret=${secret}`, `--jwt_public_key=${es256}${eddsa}`);
    for (const { alg, token } of foreignTokens.tokens) {
      if (alg === "ES256" || alg === "EdDSA") await (await CableClient.connect(`${ropeway.cable}?jid=${token}`)).close();
      else expect(await turnedAway(`${ropeway.cable}?jid=${token}`), alg).toEqual({ heard: [unauthorized], ending: authFailed });
    }
  });

  it("of a URL are replaced without a restart", async () => {
    const [one, two] = [await keyPair("ES256", "one"), await keyPair("RS256", "two")];
    jwks.publish(one.jwk);
    const ropeway = await start(`--jwt_jwks=${jwks.url}`, "--jwt_jwks_refresh_interval=1");
    await (await CableClient.connect(`${ropeway.cable}?jid=${await tokenBy(one)}`)).close();
    jwks.publish(two.jwk);
    const token = await tokenBy(two);
    // Until then it hears nothing that would keep it from coming back.
    for (;;) {
      const client = new CableClient(`${ropeway.cable}?jid=${token}`);
      const first = await Promise.race([client.next(), client.ended]);
      if ("type" in first) {
        expect(first).toMatchObject({ type: "welcome" });
        await client.close();
        break;
      }
      expect(first).toEqual({ code: 1011, reason: "Auth Error" });
    }
    expect(await jwksPart(ropeway)).toEqual([200, true]);
  });

  it("of a host that is away let nobody in and send nobody away for good; known ones outlast it", async () => {
    const pair = await keyPair("EdDSA", "one");
    const token = await tokenBy(pair);
    jwks.publish(pair.jwk);
    await jwks.stop();
    const ropeway = await start(`--jwt_jwks=${jwks.url}`, "--jwt_jwks_refresh_interval=1");
    expect(await turnedAway(`${ropeway.cable}?jid=${token}`)).toEqual({ heard: [], ending: { code: 1011, reason: "Auth Error" } });
    expect(await turnedAway(ropeway.cable)).toEqual({ heard: [unauthorized], ending: authFailed });
    expect(await jwksPart(ropeway)).toEqual([200, false]);

    await jwks.restart();
    await ropeway.logged("JWKS read");
    await (await CableClient.connect(`${ropeway.cable}?jid=${token}`)).close();
    expect(await jwksPart(ropeway)).toEqual([200, true]);

    await jwks.stop();
    await ropeway.logged("JWKS can't be read: the last known keys stay in use");
    await (await CableClient.connect(`${ropeway.cable}?jid=${token}`)).close();
    expect(await jwksPart(ropeway)).toEqual([200, false]);
    await jwks.restart();
    await ropeway.logged("JWKS is back");
    expect(ropeway.log.filter(({ msg }) => msg.startsWith("JWKS can't be read")).map(({ level }) => level)).toEqual(["WARN", "WARN"]);
  });

  it("of a host that hangs keep nobody waiting who needs none of them, nor who goes away meanwhile", async () => {
    const pair = await keyPair("ES256", "one");
    jwks.answer(() => {});
    const asked = jwks.requests.length;
    const ropeway = await start(`--jwt_jwks=${jwks.url}`, `--jwt_secret=${secret}`);
    await expect.poll(() => jwks.requests.length).toBe(asked + 1);
    const impatient = new CableClient(`${ropeway.cable}?jid=${await tokenBy(pair)}`);
    await new Promise((resolve) => impatient.socket.once("open", resolve));
    const waiting = turnedAway(`${ropeway.cable}?jid=${await tokenBy(pair)}`);
    await impatient.drop();
    const quick = await CableClient.connect(`${ropeway.cable}?jid=${await fresh()}`);
    await ropeway.metricBecomes("anycable_go_clients_num", 1);
    expect(await waiting).toEqual({ heard: [], ending: { code: 1011, reason: "Auth Error" } });
    expect(await quick.sync()).toEqual([]);
    await quick.close();
    await ropeway.metricBecomes("anycable_go_clients_num", 0);
  });

  it.each([
    ["jwt_public_key", "nonsense-----BEGIN PUBLIC KEY-----", "jwt_public_key has no public key in PEM format (config.invalid_value)"],
    ["jwt_secret", foreignTokens.publicKeys["rsa"]!, "jwt_secret is a public key: give it as jwt_public_key (config.invalid_value)"],
    ["jwt_jwks", "/dev/null", "jwt_jwks: /dev/null can't be used: it is not JSON (config.unreadable_file)"],
  ])("that can't be used stop the start: %s", async (option, value, line) => {
    const { code, stderr } = await runRopeway(["--norpc", "--port=0", `--${option}=${value}`]);
    expect([code, stderr.trim()]).toEqual([1, `ropeway: ${line}`]);
  });
});
