import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import type { Controller } from "../../src/rpc/controller.ts";
import { grpcController, type GrpcControllerOptions } from "../../src/rpc/grpc.ts";
import { eventually } from "../support/eventually.ts";
import { startGrpcApp, type GrpcApp, type GrpcAppOptions } from "../support/grpc-app.ts";
import { connectRequest } from "./controller.contract.ts";

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

async function startApp(options: GrpcAppOptions): Promise<GrpcApp> {
  const app = await startGrpcApp(options);
  endings.push(() => app.kill());
  return app;
}

function open(options: GrpcControllerOptions): Controller {
  const controller = grpcController(options);
  endings.push(() => controller.stop?.());
  return controller;
}

const never = (): AbortSignal => new AbortController().signal;

describe("gRPC over TLS", () => {
  it.each([
    ["a path", path("ca.pem")],
    ["PEM text", pem("ca.pem")],
  ])("trusts a root certificate given as %s", async (_what, rootCa) => {
    const { port } = await startApp({ tls: server });
    await open({ target: `localhost:${port}`, tls: { rootCa } }).connect(connectRequest, never());
    await open({ target: `127.0.0.1:${port}`, tls: { rootCa } }).connect(connectRequest, never());
  });

  it("takes, of a list, a certificate for any of its names", async () => {
    const { port } = await startApp({ tls: server });
    await open({ target: `grpc-list://elsewhere.invalid:1,localhost:${port}`, tls: { rootCa: path("ca.pem") } }).connect(
      connectRequest,
      never(),
    );
  });

  it.each([
    ["nobody whom we know signed it", server, { rootCa: path("other-ca.pem") }],
    ["nobody whom Node.js knows signed it", server, {}],
    ["it is for another name", elsewhere, { rootCa: path("ca.pem") }],
  ])("does not take a certificate when %s, and does not keep clients waiting", async (_why, tls, options) => {
    const app = await startApp({ tls });
    const controller = open({ target: `localhost:${app.port}`, tls: options });
    const refusal = {
      code: "rpc.unauthenticated",
      message: expect.stringMatching(`TLS with .*localhost:${app.port}.*certificate`) as string,
    };
    await expect(controller.connect(connectRequest, never())).rejects.toMatchObject(refusal);
    await expect(controller.connect(connectRequest, never())).rejects.toMatchObject(refusal);
    expect(app.calls).toEqual([]);
  });

  it("takes any certificate when told not to verify", async () => {
    const { port } = await startApp({ tls: elsewhere });
    await open({ target: `localhost:${port}`, tls: { verify: false } }).connect(connectRequest, never());
  });

  it("is refused by a server that speaks plain text, until that one speaks TLS", async () => {
    const plain = await startApp({});
    const controller = open({ target: `localhost:${plain.port}`, tls: { rootCa: path("ca.pem") } });
    await expect(controller.connect(connectRequest, never())).rejects.toMatchObject({ code: "rpc.unauthenticated" });
    await plain.kill();
    await startApp({ port: plain.port, tls: server });
    await eventually(() => controller.isReachable?.()).toBe(true);
    await controller.connect(connectRequest, never());
  });

  it("names the option when the root certificate can't be used", () => {
    const failure = (rootCa: string): unknown => {
      try {
        return grpcController({ target: "localhost:1", tls: { rootCa } });
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
