import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import type { Controller } from "../../src/rpc/controller.ts";
import { httpController, type HttpControllerOptions } from "../../src/rpc/http.ts";
import { startHttpApp, type HttpApp, type HttpAppOptions } from "../support/http-app.ts";
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

async function startApp(options: HttpAppOptions): Promise<HttpApp> {
  const app = await startHttpApp(options);
  endings.push(() => app.kill());
  return app;
}

function open(options: HttpControllerOptions): Controller {
  const controller = httpController(options);
  endings.push(() => controller.stop?.());
  return controller;
}

const never = (): AbortSignal => new AbortController().signal;

describe("HTTP calls over TLS", () => {
  it.each([
    ["a path", path("ca.pem")],
    ["PEM text", pem("ca.pem")],
  ])("trust a root certificate given as %s", async (_what, rootCa) => {
    const { port } = await startApp({ tls: server });
    await open({ url: `https://localhost:${port}/_anycable`, tls: { rootCa } }).connect(connectRequest, never());
    await open({ url: `https://127.0.0.1:${port}/_anycable`, tls: { rootCa } }).connect(connectRequest, never());
  });

  it("use connections again, and close them at the end", async () => {
    const app = await startApp({ tls: server });
    const controller = open({ url: app.url, tls: { rootCa: path("ca.pem") } });
    for (let call = 0; call < 3; call++) await controller.connect(connectRequest, never());
    expect(app.accepted()).toBe(1);
    await controller.stop?.();
    await expect.poll(() => app.connections()).toBe(0);
  });

  it.each([
    ["nobody whom we know signed it", server, { rootCa: path("other-ca.pem") }],
    ["nobody whom Node.js knows signed it", server, {}],
    ["it is for another name", elsewhere, { rootCa: path("ca.pem") }],
  ])("do not take a certificate when %s", async (_why, tls, options) => {
    const app = await startApp({ tls });
    const controller = open({ url: `https://localhost:${app.port}/_anycable`, tls: options });
    await expect(controller.connect(connectRequest, never())).rejects.toMatchObject({
      code: "rpc.unauthenticated",
      message: expect.stringMatching(
        `^TLS with https://localhost:${app.port}/_anycable/connect failed: .*(?:certificate|altnames)`,
      ) as string,
    });
    expect(controller.isReachable?.()).toBe(false);
    expect(app.calls).toEqual([]);
  });

  it("take any certificate when told not to verify", async () => {
    const { port } = await startApp({ tls: elsewhere });
    await open({ url: `https://localhost:${port}/_anycable`, tls: { verify: false } }).connect(connectRequest, never());
  });

  it("are refused by a server that speaks plain text, until that one speaks TLS", async () => {
    const plain = await startApp({});
    const controller = open({ url: `https://localhost:${plain.port}/_anycable`, tls: { rootCa: path("ca.pem") } });
    expect(await codeOf(controller.connect(connectRequest, never()))).toBe("rpc.unauthenticated");
    await plain.kill();
    await startApp({ port: plain.port, tls: server });
    await controller.connect(connectRequest, never());
    expect(controller.isReachable?.()).toBe(true);
  });

  it("are not made in plain text to a server that speaks TLS", async () => {
    const { port } = await startApp({ tls: server });
    expect(await codeOf(open({ url: `http://localhost:${port}/_anycable` }).connect(connectRequest, never()))).toBe("rpc.unavailable");
  });

  it("name the option when the root certificate can't be used", () => {
    const failure = (rootCa: string): unknown => {
      try {
        return httpController({ url: "https://localhost:1", tls: { rootCa } });
      } catch (error) {
        return error;
      }
    };
    expect(failure("/nowhere/ca.pem")).toMatchObject({
      code: "config.unreadable_file",
      message: expect.stringMatching(/^rpc_tls_root_ca: /) as string,
    });
    expect(failure(path("server.key"))).toMatchObject({
      code: "config.invalid_value",
      message: expect.stringMatching(/^rpc_tls_root_ca: /) as string,
    });
  });
});
