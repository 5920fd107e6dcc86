import { describe, expect, it, onTestFinished } from "vitest";
import { CableClient, publicStream } from "../support/cable-client.ts";
import { eventually } from "../support/eventually.ts";
import { startGrpcApp } from "../support/grpc-app.ts";
import { startRedis } from "../support/redis-server.ts";
import { standalone, startRopeway, type Ropeway } from "../support/ropeway.ts";
import { freePort } from "../support/free-port.ts";

/** A server with these flags, gone when the test is over. */
async function serve(...flags: readonly string[]): Promise<Ropeway> {
  const ropeway = await startRopeway(flags);
  onTestFinished(async () => void (await ropeway.stop()));
  return ropeway;
}

async function ready(ropeway: Ropeway, path = "/ready"): Promise<{ readonly code: number; readonly body: unknown }> {
  const response = await fetch(ropeway.http(path));
  return { code: response.status, body: await response.json() };
}

describe("health", () => {
  it("answers every method with 200 as long as the process lives", async () => {
    const ropeway = await serve(...standalone);
    for (const method of ["GET", "HEAD", "POST", "OPTIONS"]) {
      const response = await fetch(ropeway.http("/health"), { method });
      expect(response.status).toBe(200);
      expect(await response.text()).toBe(method === "HEAD" ? "" : "alive\n");
    }
  });

  it("is where health-path says", async () => {
    const ropeway = await serve(...standalone, "--health-path=/up");
    expect((await fetch(ropeway.http("/up"))).status).toBe(200);
    expect((await fetch(ropeway.http("/health"))).status).toBe(404);
  });
});

describe("readiness", () => {
  it("is plain where nothing can be away", async () => {
    const ropeway = await serve(...standalone);
    expect(await ready(ropeway)).toEqual({ code: 200, body: { status: "ready", parts: {} } });
  });

  it("is where readiness_path says, or nowhere", async () => {
    const elsewhere = await serve(...standalone, "--readiness_path=/really");
    expect(await ready(elsewhere, "/really")).toMatchObject({ code: 200 });
    expect((await fetch(elsewhere.http("/ready"))).status).toBe(404);
    const nowhere = await serve(...standalone, "--readiness_path=");
    expect((await fetch(nowhere.http("/ready"))).status).toBe(404);
  });

  it("tells that the application is away, and back, without sending clients elsewhere", async () => {
    const app = await startGrpcApp();
    const ropeway = await serve(`--rpc_host=${app.address}`);
    await expect
      .poll(() => ready(ropeway))
      .toMatchObject({ code: 200, body: { status: "ready", parts: { rpc: { ok: true, detail: app.address } } } });
    await app.kill();
    await expect.poll(() => ready(ropeway)).toMatchObject({ code: 200, body: { status: "degraded", parts: { rpc: { ok: false } } } });
    expect((await fetch(ropeway.http("/health"))).status).toBe(200);

    const again = await startGrpcApp({ port: app.port });
    onTestFinished(() => again.kill());
    await eventually(() => ready(ropeway)).toMatchObject({ code: 200, body: { status: "ready" } });
  });

  it("tells that Redis is away, and back, without its password", async () => {
    const redis = await startRedis({ config: ["--requirepass", "hunter2"] });
    onTestFinished(() => redis.kill());
    const ropeway = await serve(...standalone, "--broadcast_adapter=redis", `--redis_url=redis://:hunter2@127.0.0.1:${redis.port}`);
    const body = (status: string, ok: boolean): object => ({
      status,
      parts: {
        "broadcaster redis": { ok, since_ms: expect.any(Number) as number },
        "pubsub redis": { ok, since_ms: expect.any(Number) as number },
      },
    });
    await eventually(() => ready(ropeway)).toMatchObject({ code: 200, body: body("ready", true) });
    await redis.kill();
    // Short absences, such as a fail-over, are no reason to move clients.
    await eventually(() => ready(ropeway)).toMatchObject({ code: 200, body: body("degraded", false) });
    const page = await (await fetch(ropeway.http("/ready"))).text();
    expect(page).toContain(String(redis.port));
    expect(page).not.toContain("hunter2");
    await redis.restart();
    await eventually(() => ready(ropeway)).toMatchObject({ code: 200, body: body("ready", true) });
  });

  it("sends clients elsewhere when a Redis that was asked for has been away for 10 s", { timeout: 30_000 }, async () => {
    const ropeway = await serve(...standalone, "--broadcast_adapter=http,redis", `--redis_url=redis://127.0.0.1:${await freePort()}`);
    expect(await ready(ropeway)).toMatchObject({ code: 200, body: { status: "degraded" } });
    await expect
      .poll(() => ready(ropeway), { timeout: 20_000 })
      .toMatchObject({
        code: 503,
        body: { status: "unready", parts: { "broadcaster redis": { ok: false }, "pubsub redis": { ok: false } } },
      });
    // It is alive all the same, and serves whoever is there. What other nodes would not get is not taken.
    expect((await fetch(ropeway.http("/health"))).status).toBe(200);
    const client = await CableClient.connect(ropeway.cable);
    expect(await client.subscribe(publicStream("a"))).toMatchObject({ type: "confirm_subscription" });
    expect(await ropeway.publish({ stream: "a", data: "1" })).toBe(503);
    await client.close();
  });
});
