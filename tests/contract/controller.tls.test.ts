import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { AddressInfo, Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import type { Controller } from "../../src/rpc/controller.ts";
import { grpcController } from "../../src/rpc/grpc.ts";
import { httpController } from "../../src/rpc/http.ts";
import { eventually } from "../support/eventually.ts";
import { startHttpApp } from "../support/http-app.ts";
import { rpcRoads } from "../support/rpc-road.ts";
import { codeOf, connectRequest } from "./controller.contract.ts";

const path = (name: string): string => fileURLToPath(new URL(`../fixtures/certs/${name}`, import.meta.url));
const pem = (name: string): string => readFileSync(path(name), "utf8");

/** For localhost and 127.0.0.1, signed by ca.pem. */
const server = { key: pem("server.key"), cert: pem("server.pem") };
/** For elsewhere.example, signed by ca.pem. */
const elsewhere = { key: pem("elsewhere.key"), cert: pem("elsewhere.pem") };

const endings: (() => Promise<unknown> | undefined)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

function ended<Thing extends { kill(): Promise<void> }>(app: Thing): Thing {
  endings.push(() => app.kill());
  return app;
}

function stopped(controller: Controller): Controller {
  endings.push(() => controller.stop?.());
  return controller;
}

const never = (): AbortSignal => new AbortController().signal;

describe.each(rpcRoads)("$name over TLS", (road) => {
  const open = (port: number, tls: { readonly rootCa?: string; readonly verify?: boolean }, host = "localhost"): Controller =>
    stopped(road.open(road.target(port, { host, isTls: true }), { tls }));

  it.each([
    ["a path", path("ca.pem")],
    ["PEM text", pem("ca.pem")],
  ])("trusts a root certificate given as %s", async (_what, rootCa) => {
    const { port } = ended(await road.startApp({ tls: server }));
    await open(port, { rootCa }).connect(connectRequest, never());
    await open(port, { rootCa }, "127.0.0.1").connect(connectRequest, never());
  });

  it.each([
    ["nobody whom we know signed it", server, { rootCa: path("other-ca.pem") }],
    ["nobody whom Node.js knows signed it", server, {}],
    ["it is for another name", elsewhere, { rootCa: path("ca.pem") }],
  ])("does not take a certificate when %s, and does not keep clients waiting", async (_why, tls, options) => {
    const app = ended(await road.startApp({ tls }));
    const controller = open(app.port, options);
    for (let call = 0; call < 2; call++) {
      await expect(controller.connect(connectRequest, never())).rejects.toMatchObject({
        code: "rpc.unauthenticated",
        message: expect.stringMatching(`TLS with .*localhost:${app.port}.*(?:certificate|altnames)`) as string,
      });
      expect(controller.isReachable?.()).toBe(false);
    }
    expect(app.calls).toEqual([]);
  });

  it("takes any certificate when told not to verify", async () => {
    const { port } = ended(await road.startApp({ tls: elsewhere }));
    await open(port, { verify: false }).connect(connectRequest, never());
  });

  it("is refused by a server that speaks plain text, until that one speaks TLS", async () => {
    const plain = ended(await road.startApp());
    const controller = open(plain.port, { rootCa: path("ca.pem") });
    expect(await codeOf(controller.connect(connectRequest, never()))).toBe("rpc.unauthenticated");
    await plain.kill();
    ended(await road.startApp({ port: plain.port, tls: server }));
    // Over gRPC calls fail at once until the connection is tried again.
    const outcome = (): Promise<string> =>
      controller.connect(connectRequest, never()).then(
        ({ status }) => status,
        () => "failed",
      );
    await eventually(outcome).toBe("accepted");
    expect(controller.isReachable?.()).toBe(true);
  });

  it.each([
    ["localhost", "localhost"],
    // An address is no server name in TLS (RFC 6066, 3), and Node.js 26 refuses to say one.
    ["127.0.0.1", false],
  ])("says the name of the server that it wants, if that has one: %s", async (host, said) => {
    const names: unknown[] = [];
    const listener = createTlsServer({ ...server, ALPNProtocols: ["h2", "http/1.1"] }, (socket) => names.push(socket.servername));
    const sockets = new Set<Socket>();
    listener.on("connection", (socket) => sockets.add(socket));
    listener.listen(0, "127.0.0.1");
    await once(listener, "listening");
    endings.push(async () => {
      for (const socket of sockets) socket.destroy();
      listener.close();
    });
    const controller = open((listener.address() as AddressInfo).port, { rootCa: path("ca.pem") }, host);
    const giveUp = new AbortController();
    const call = codeOf(controller.connect(connectRequest, giveUp.signal));
    await eventually(() => names[0]).toBe(said);
    giveUp.abort();
    await call;
  });

  it("names the option when the root certificate can't be used", () => {
    const failure = (rootCa: string): unknown => {
      try {
        return road.open(road.target(1, { isTls: true }), { tls: { rootCa } });
      } catch (error) {
        return error;
      }
    };
    expect(failure("/nowhere/ca.pem")).toMatchObject({
      code: "config.unreadable_file",
      message: expect.stringMatching(/^rpc_tls_root_ca: .*\/nowhere\/ca\.pem/) as string,
    });
    expect(failure(path("server.key"))).toMatchObject({
      code: "config.invalid_value",
      message: expect.stringMatching(/^rpc_tls_root_ca: ".*server\.key"/) as string,
    });
    expect(failure("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----")).toMatchObject({ code: "config.invalid_value" });
    expect(failure("")).toMatchObject({ code: "config.unreadable_file" });
  });
});

describe("gRPC over TLS to a list", () => {
  it("takes a certificate for any of its names", async () => {
    const { port } = ended(await rpcRoads.find(({ name }) => name === "gRPC")!.startApp({ tls: server }));
    const target = `grpc-list://elsewhere.invalid:1,localhost:${port}`;
    await stopped(grpcController({ target, tls: { rootCa: path("ca.pem") } })).connect(connectRequest, never());
  });
});

describe("HTTP calls over TLS", () => {
  it("use connections again, and close them at the end", async () => {
    const app = ended(await startHttpApp({ tls: server }));
    const controller = stopped(httpController({ url: app.url, tls: { rootCa: path("ca.pem") } }));
    for (let call = 0; call < 3; call++) await controller.connect(connectRequest, never());
    expect(app.accepted()).toBe(1);
    await controller.stop?.();
    await expect.poll(() => app.connections()).toBe(0);
  });

  it("are not made in plain text to a server that speaks TLS", async () => {
    const { port } = ended(await startHttpApp({ tls: server }));
    const controller = stopped(httpController({ url: `http://localhost:${port}/_anycable` }));
    expect(await codeOf(controller.connect(connectRequest, never()))).toBe("rpc.unavailable");
  });
});
