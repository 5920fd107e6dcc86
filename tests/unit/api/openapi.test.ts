// Every answer that docs/reference/openapi.json promises is one that somebody gets, and looks as promised. That no other is given is for the
// other tests of the API: whatever they ask is compared with the document.

import { describe, expect, it } from "vitest";
import type { RestApiOptions } from "../../../src/api/rest-api.ts";
import type { AcceptBroadcast, Broadcaster } from "../../../src/broadcasters/broadcaster.ts";
import { httpBroadcaster } from "../../../src/broadcasters/http.ts";
import { CableError } from "../../../src/errors.ts";
import { healthHandler, readinessHandler } from "../../../src/http/health.ts";
import { httpListener, type HttpListener } from "../../../src/http/listener.ts";
import { silentLogger } from "../../../src/logger.ts";
import { apiStage, brokerOf, idleNode, keptHistory, presenceOf, published } from "../../support/api-stage.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { documentedOperations, undocumented } from "../../support/openapi.ts";

interface Case {
  readonly operation: string;
  readonly status: number;
  readonly path?: string;
  readonly init?: RequestInit;
  readonly options?: Partial<RestApiOptions>;
  readonly accept?: AcceptBroadcast;
  readonly phase?: "running" | "stopping";
}

const key = "s3cret";
const fails = (error: Error) => (): never => {
  throw error;
};
const away = new CableError("broker.unavailable", "Redis is away.");
const post = (body: string, headers: Readonly<Record<string, string>> = {}): RequestInit => ({ method: "POST", body, headers });
const presence = presenceOf(() => ({ total: 1, records: [{ id: "1", info: `["any", {"json": true}]` }] }));
const history = keptHistory([...published(1, 1), { ...published(2, 2)[0]!, broadcastType: "note" }]);

const publishing = (operation: string): Case[] => [
  { operation, status: 201, init: post(`{"stream":"a","data":"1"}`) },
  { operation, status: 401, init: post("{}"), options: { key } },
  { operation, status: 413, init: post("x".repeat(1024 * 1024 + 1)) },
  { operation, status: 415, init: post("x", { "content-encoding": "gzip" }) },
  { operation, status: 422, init: { method: "PUT" } },
  { operation, status: 500, init: post("{}"), accept: fails(new TypeError("oh")) },
  { operation, status: 503, init: post("{}"), accept: fails(new CableError("publication.unavailable", "Not now.")) },
];

const presenceWith = (info: Parameters<typeof presenceOf>[0]): Partial<RestApiOptions> => ({
  broker: brokerOf({ presence: presenceOf(info) }),
});
const historyWith = (changes: Parameters<typeof keptHistory>[1]): Partial<RestApiOptions> => ({
  broker: brokerOf({ history: keptHistory([], changes) }),
});

const cases: readonly Case[] = [
  ...publishing("publish"),
  ...publishing("broadcast"),
  { operation: "presenceUsers", status: 200, options: { broker: brokerOf({ presence }) } },
  { operation: "presenceUsers", status: 401, options: { key } },
  { operation: "presenceUsers", status: 404, path: "/api/presence//users" },
  { operation: "presenceUsers", status: 422, init: post("") },
  { operation: "presenceUsers", status: 500, options: presenceWith(fails(new TypeError("oh"))) },
  { operation: "presenceUsers", status: 501 },
  { operation: "presenceUsers", status: 503, options: presenceWith(fails(away)) },
  { operation: "streamHistory", status: 200, path: "/api/streams/s/history?limit=1&since=0", options: { broker: brokerOf({ history }) } },
  { operation: "streamHistory", status: 401, options: { key } },
  { operation: "streamHistory", status: 404, options: historyWith({ keeps: () => false }) },
  { operation: "streamHistory", status: 410, path: "/api/streams/s/history?after=1&epoch=e0", options: { broker: brokerOf({ history }) } },
  { operation: "streamHistory", status: 422, path: "/api/streams/s/history?limit=0", options: { broker: brokerOf({ history }) } },
  { operation: "streamHistory", status: 500, options: historyWith({ head: fails(new TypeError("oh")) }) },
  { operation: "streamHistory", status: 501 },
  { operation: "streamHistory", status: 503, options: historyWith({ head: fails(away) }) },
  { operation: "node", status: 200, options: { broker: brokerOf({ presence }) } },
  { operation: "node", status: 401, options: { key } },
  { operation: "node", status: 422, init: post("") },
  { operation: "node", status: 500, options: { node: { ...idleNode(), readiness: fails(new TypeError("oh")) } } },
  { operation: "health", status: 200 },
  { operation: "readiness", status: 200 },
  { operation: "readiness", status: 503, phase: "stopping" },
];

const defaultPaths: Readonly<Record<string, string>> = {
  publish: "/api/publish",
  presenceUsers: "/api/presence/s/users",
  streamHistory: "/api/streams/s/history",
  node: "/api/node",
  broadcast: "/_broadcast",
  health: "/health",
  readiness: "/ready",
};

/** Everything that the document has, on one port. */
async function serve({ options = {}, accept = () => {}, phase = "running" }: Case): Promise<HttpListener> {
  const listener = httpListener({ host: "127.0.0.1", port: 0, logger: silentLogger });
  const check = (): { readonly ok: boolean; readonly sinceMs: number; readonly detail: string } => ({
    ok: true,
    sinceMs: 0,
    detail: "there",
  });
  listener.request("/health", healthHandler());
  const parts = [{ name: "rpc", isRequired: false, check }];
  listener.request("/ready", readinessHandler({ clock: new FakeClock(), parts, phase: () => phase }));
  const http: Broadcaster = httpBroadcaster({
    routes: listener,
    path: "/_broadcast",
    key: options.key,
    corsOrigins: undefined,
    maxBodyBytes: 1024 * 1024,
    logger: silentLogger,
  });
  const { api, stop } = await apiStage({ ...options, routes: listener });
  await stop();
  await api.start(accept);
  await http.start(accept);
  await listener.start();
  return listener;
}

describe("the OpenAPI document", () => {
  it.each(cases)("has what $operation answers with $status", async (one) => {
    const listener = await serve(one);
    const response = await fetch(`http://127.0.0.1:${listener.port}${one.path ?? defaultPaths[one.operation]}`, one.init);
    const { status, headers } = response;
    const answer = { status, contentType: headers.get("content-type"), body: await response.text() };
    await listener.stop(AbortSignal.timeout(1_000));
    expect(status).toBe(one.status);
    expect(undocumented(one.operation, answer)).toEqual([]);
  });

  it("has nothing else", () => {
    const documented = [...documentedOperations].flatMap(([operation, { responses }]) =>
      Object.keys(responses).map((status) => `${operation} ${status}`),
    );
    expect(cases.map(({ operation, status }) => `${operation} ${status}`).toSorted()).toEqual(documented.toSorted());
  });

  it("is compared with answers in earnest", () => {
    const answer = (body: unknown, status = 200): Parameters<typeof undocumented>[1] => ({
      status,
      contentType: "application/json",
      body: JSON.stringify(body),
    });
    expect(undocumented("presenceUsers", answer({ type: "info", total: 1, records: [{ id: "1", info: 1 }] }))).toEqual([]);
    expect(undocumented("presenceUsers", answer({ type: "info", total: -1 }))).toEqual(["body.total is -1"]);
    expect(undocumented("presenceUsers", answer({ type: "info" }))).toEqual(["body.total is missing"]);
    expect(undocumented("presenceUsers", answer({ type: "info", total: 0, records: [] }))).toEqual(["body.records has too few items"]);
    expect(undocumented("presenceUsers", answer({ type: "info", total: "0", more: 1 }))).toEqual(["body.total is no integer", "body.more"]);
    expect(undocumented("presenceUsers", answer({}, 418))).toEqual(["status 418"]);
    expect(undocumented("presenceUsers", { ...answer({}), contentType: "text/plain" })).toEqual(["content type text/plain"]);
    expect(undocumented("publish", answer({}, 201))).toEqual(["a body with 201"]);
    expect(undocumented("publish", answer({ error: { code: "no.code", message: "" } }, 422))).toEqual([`body.error.code is "no.code"`]);
    expect(undocumented("nothing", answer({}))).toEqual(["operation nothing"]);
  });
});
