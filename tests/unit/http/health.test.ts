import { createServer, type Server } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { healthHandler, readinessHandler, type PartState, type ReadinessOptions } from "../../../src/http/health.ts";
import type { RequestHandler } from "../../../src/http/routes.ts";
import { FakeClock } from "../../support/fake-clock.ts";

let server: Server | undefined;
afterEach(async () => {
  if (server === undefined) return;
  server.close();
  server.closeAllConnections();
  await once(server, "close");
  server = undefined;
});

async function serve(handler: RequestHandler): Promise<string> {
  server = createServer(handler).listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

describe("health", () => {
  it.each(["GET", "HEAD", "POST", "OPTIONS"])("answers 200 to %s", async (method) => {
    const answer = await fetch(await serve(healthHandler()), { method, ...(method === "POST" ? { body: "x".repeat(100_000) } : {}) });
    expect(answer.status).toBe(200);
    expect(await answer.text()).toBe(method === "HEAD" ? "" : "alive\n");
  });
});

describe("readiness", () => {
  const clock = new FakeClock();
  let phase: ReturnType<ReadinessOptions["phase"]> = "running";
  const states: Record<string, PartState | Error> = {};

  async function ask(): Promise<{ code: number; body: unknown }> {
    const part = (name: string, isRequired: boolean) => ({
      name,
      isRequired,
      check(): PartState {
        const state = states[name]!;
        if (state instanceof Error) throw state;
        return state;
      },
    });
    const url = await serve(readinessHandler({ clock, parts: [part("redis", true), part("rpc", false)], phase: () => phase }));
    const answer = await fetch(url);
    expect(answer.headers.get("content-type")).toBe("application/json");
    expect(answer.headers.get("cache-control")).toBe("no-store");
    return { code: answer.status, body: await answer.json() };
  }

  function set(redis: PartState | Error, rpc: PartState | Error): void {
    phase = "running";
    Object.assign(states, { redis, rpc });
  }

  it("is ready when all parts are, and says since when", async () => {
    clock.advance(5_000);
    set({ ok: true, sinceMs: clock.monotonicMs() - 1_500, detail: "127.0.0.1:6379" }, { ok: true });
    expect(await ask()).toEqual({
      code: 200,
      body: { status: "ready", parts: { redis: { ok: true, since_ms: 1_500, detail: "127.0.0.1:6379" }, rpc: { ok: true } } },
    });
  });

  it.each([
    [9_999, 200, "degraded"],
    [10_000, 503, "unready"],
  ])("a required part that has been away for %i ms means %i", async (awayMs, code, status) => {
    clock.advance(20_000);
    set({ ok: false, sinceMs: clock.monotonicMs() - awayMs }, { ok: true });
    expect(await ask()).toMatchObject({ code, body: { status, parts: { redis: { ok: false, since_ms: awayMs } } } });
  });

  it("a part that nothing depends on is told, and changes nothing, however long it is away", async () => {
    clock.advance(1_000_000);
    set({ ok: true, sinceMs: 0 }, { ok: false, sinceMs: 0, detail: "no server" });
    expect(await ask()).toMatchObject({ code: 200, body: { status: "degraded", parts: { rpc: { ok: false, detail: "no server" } } } });
  });

  it.each(["starting", "stopping"] as const)("is 503 while %s", async (current) => {
    set({ ok: true, sinceMs: 0 }, { ok: true });
    phase = current;
    expect(await ask()).toMatchObject({ code: 503, body: { status: current, parts: { redis: { ok: true } } } });
  });

  it("counts a part that can't tell as away", async () => {
    set(new Error("broken"), { ok: true });
    expect(await ask()).toMatchObject({ code: 503, body: { parts: { redis: { ok: false, detail: "can't tell: broken" } } } });
  });
});
