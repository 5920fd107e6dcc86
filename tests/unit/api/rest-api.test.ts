import { afterEach, describe, expect, it } from "vitest";
import type { RestApiOptions } from "../../../src/api/rest-api.ts";
import { httpListener } from "../../../src/http/listener.ts";
import { silentLogger } from "../../../src/logger.ts";
import { createMetrics } from "../../../src/metrics/metrics.ts";
import { apiStage, brokerOf, keptHistory, presenceOf, published, type ApiStage } from "../../support/api-stage.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { recordedLog } from "../../support/recorded-log.ts";

const cleanups: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function stageWith(options: Partial<RestApiOptions> = {}): Promise<ApiStage> {
  const stage = await apiStage(options);
  cleanups.push(stage.stop);
  return stage;
}

const operations: readonly (readonly [operationId: string, path: string, method: string])[] = [
  ["publish", "/publish", "POST"],
  ["presenceUsers", "/presence/chat/users", "GET"],
  ["streamHistory", "/streams/chat/history", "GET"],
  ["node", "/node", "GET"],
];

const broker = brokerOf({ history: keptHistory(published(1, 2)), presence: presenceOf(() => ({ total: 0 })) });

describe("a key", () => {
  it.each(operations)("is asked for by %s", async (operationId, path, method) => {
    const { api, ask } = await stageWith({ key: "s3cret", broker });
    await api.start(() => {});
    const call = (headers: Record<string, string>): ReturnType<typeof ask> =>
      ask(operationId, `/api${path}`, { method, headers, ...(method === "POST" && { body: "{}" }) });

    for (const headers of [{}, { authorization: "Bearer s3cret2" }, { authorization: "Bearer " }, { authorization: "s3cret" }]) {
      const answer = await call(headers);
      expect(answer.status).toBe(401);
      expect(answer.headers.get("www-authenticate")).toBe("Bearer");
      expect(answer.json).toMatchObject({ error: { code: "api.unauthorized" } });
      expect(answer.text).not.toContain("s3cret");
    }
    expect((await call({ authorization: "Bearer s3cret" })).status).toBe(method === "POST" ? 201 : 200);
  });

  it("is asked for before anything is said of paths and methods", async () => {
    const { ask } = await stageWith({ key: "s3cret" });
    expect((await ask("presenceUsers", "/api/nothing")).status).toBe(401);
    expect((await ask("presenceUsers", "/api/presence/a/users", { method: "DELETE" })).status).toBe(401);
  });

  it("can't be empty", async () => {
    await expect(apiStage({ key: "" })).rejects.toThrow(/empty/);
  });
});

describe("paths and methods", () => {
  it.each(["", "/", "/other", "/publish/", "/presence", "/presence/chat", "/streams/chat/users", "/node/more"])(
    "there is nothing at %j",
    async (path) => {
      const { ask } = await stageWith({ broker });
      const answer = await ask("presenceUsers", `/api${path}`);
      expect(answer.status).toBe(404);
      expect(answer.json).toMatchObject({ error: { code: "api.not_found" } });
    },
  );

  it.each(operations)("%s is for its own method", async (operationId, path, method) => {
    const { ask } = await stageWith({ broker });
    for (const other of ["GET", "POST", "PUT", "DELETE", "OPTIONS"].filter((name) => name !== method)) {
      const answer = await ask(operationId, `/api${path}`, { method: other });
      expect(answer.status).toBe(422);
      expect(answer.headers.get("allow")).toBe(method);
    }
  });

  it("HEAD is GET without a body", async () => {
    const { port } = await stageWith({ broker });
    const ask = (method: string): Promise<Response> => fetch(`http://127.0.0.1:${port}/api/streams/s/history`, { method });
    const [head, get] = [await ask("HEAD"), await ask("GET")];
    expect(head.status).toBe(200);
    expect(await head.text()).toBe("");
    expect(head.headers.get("content-length")).toBe(String((await get.arrayBuffer()).byteLength));
  });

  it.each([
    ["/", ""],
    ["", ""],
    ["/v1/cable-api/", "/v1/cable-api"],
    ["/{tenant}/api", "/acme/api"],
  ])("hang below %j", async (path, base) => {
    const { ask } = await stageWith({ path, broker });
    expect((await ask("node", `${base}/node`)).status).toBe(200);
    expect((await ask("streamHistory", `${base}/streams/a%2Fb/history`)).json).toMatchObject({ stream: "a/b" });
    expect((await ask("presenceUsers", `${base}/presence/a/b`)).status).toBe(404);
  });

  it("of another part make the start fail rather than hide one of the two", async () => {
    const routes = httpListener({ host: "127.0.0.1", port: 0, logger: silentLogger });
    routes.request("/api/publish", () => {});
    await expect(apiStage({ routes })).rejects.toThrow(/"\/api\/publish".*used twice/);
  });
});

describe("CORS", () => {
  const origin = "https://app.example.com";

  it("is off unless it is asked for", async () => {
    const { ask } = await stageWith({ broker });
    const answer = await ask("node", "/api/node", { headers: { origin } });
    expect(answer.headers.get("access-control-allow-origin")).toBeNull();
  });

  it.each(operations)("lets pages call %s, and read why they are refused", async (operationId, path, method) => {
    const { port, ask } = await stageWith({ key: "s3cret", broker, corsOrigins: [] });
    const preflight = await fetch(`http://127.0.0.1:${port}/api${path}`, {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": method, "access-control-request-headers": "authorization" },
    });
    expect(preflight.status).toBe(200);
    expect(preflight.headers.get("access-control-allow-origin")).toBe("*");
    expect(preflight.headers.get("access-control-allow-methods")).toContain(method);
    expect(preflight.headers.get("access-control-allow-headers")).toContain("Authorization");
    const refused = await ask(operationId, `/api${path}`, { method, headers: { origin } });
    expect(refused.status).toBe(401);
    expect(refused.headers.get("access-control-allow-origin")).toBe("*");
  });

  it("is for the origins that are listed", async () => {
    const { ask } = await stageWith({ broker, corsOrigins: ["app.example.com"] });
    const listed = await ask("node", "/api/node", { headers: { origin } });
    expect(listed.headers.get("access-control-allow-origin")).toBe(origin);
    const other = await ask("node", "/api/node", { headers: { origin: "https://other.example.com" } });
    expect(other.headers.get("access-control-allow-origin")).toBeNull();
    expect(other.headers.get("vary")).toBe("Origin");
  });
});

describe("a fault of the server", () => {
  it("is logged, and callers hear nothing of it", async () => {
    const { logger, lines } = recordedLog();
    const presence = presenceOf(() => {
      throw new TypeError("internal detail");
    });
    const { ask } = await stageWith({ broker: brokerOf({ presence }), logger });
    const answer = await ask("presenceUsers", "/api/presence/chat/users");
    expect(answer.status).toBe(500);
    expect(answer.text).not.toContain("internal detail");
    expect(lines).toMatchObject([{ level: "error", message: "A request to the API failed", fields: { error: "internal detail" } }]);
  });
});

describe("the node", () => {
  it("tells what it is made of, how much it holds and how its parts are", async () => {
    const clock = new FakeClock();
    clock.advance(5_000);
    const metrics = createMetrics();
    metrics.gauges.clients_num = () => 3;
    metrics.gauges.broadcast_streams_num = () => 2;
    const parts = { redis: { ok: false, since_ms: 12, detail: "redis.internal:6379: connection refused" }, "broker memory": { ok: true } };
    const { ask } = await stageWith({
      broker,
      node: {
        version: "1.2.3",
        nodeId: "ab12",
        clock,
        startedMs: 1_000,
        metrics,
        pubsub: "redis",
        broadcasters: ["http", "redis", "api"],
        readiness: () => ({ status: "degraded", isReady: true, parts }),
      },
    });
    clock.advance(500);
    expect((await ask("node", "/api/node")).json).toEqual({
      type: "node",
      version: "1.2.3",
      node_id: "ab12",
      uptime_ms: 4_500,
      status: "degraded",
      clients: 3,
      streams: 2,
      broker: { name: "stand-in", history: "cluster", sessions: false, presence: true },
      pubsub: "redis",
      broadcasters: ["http", "redis", "api"],
      parts,
    });
  });

  it("may have no broker", async () => {
    const { ask } = await stageWith();
    expect((await ask("node", "/api/node")).json).toMatchObject({ broker: null, clients: 0, streams: 0, parts: {} });
  });
});
