import { expect } from "vitest";
import type { NodeFacts } from "../../src/api/node-information.ts";
import { restApi, type RestApiOptions } from "../../src/api/rest-api.ts";
import type { Broadcaster } from "../../src/broadcasters/broadcaster.ts";
import type { Broker, HistoryAnswer, PresenceInfo, PresenceStore, StreamHistory } from "../../src/broker/broker.ts";
import { httpListener } from "../../src/http/listener.ts";
import { silentLogger } from "../../src/logger.ts";
import { createMetrics } from "../../src/metrics/metrics.ts";
import type { Publication } from "../../src/publications/publication.ts";
import { FakeClock } from "./fake-clock.ts";
import { undocumented } from "./openapi.ts";

export interface ApiStage {
  readonly api: Broadcaster;
  readonly port: number;
  /** Asks, and makes sure that the answer is one that the OpenAPI document has. */
  ask(operationId: string, path: string, init?: RequestInit): Promise<ApiAnswer>;
  stop(): Promise<void>;
}

export interface ApiAnswer {
  readonly status: number;
  readonly text: string;
  /** undefined without a body. */
  readonly json: unknown;
  readonly headers: Headers;
}

/** The API on a listener of its own, with ports that a test provides. Publications go nowhere until it is started. */
export async function apiStage(options: Partial<RestApiOptions> = {}): Promise<ApiStage> {
  const listener = httpListener({ host: "127.0.0.1", port: 0, logger: silentLogger });
  const api = restApi({
    routes: listener,
    path: "/api",
    key: undefined,
    corsOrigins: undefined,
    maxBodyBytes: 1024 * 1024,
    broker: undefined,
    node: idleNode(),
    logger: silentLogger,
    ...options,
  });
  await listener.start();
  return {
    api,
    port: listener.port,
    async ask(operationId, path, init) {
      const response = await fetch(`http://127.0.0.1:${listener.port}${path}`, init);
      const { status, headers } = response;
      const text = await response.text();
      expect(undocumented(operationId, { status, contentType: headers.get("content-type"), body: text })).toEqual([]);
      return { status, text, json: text === "" ? undefined : (JSON.parse(text) as unknown), headers };
    },
    stop: () => listener.stop(AbortSignal.timeout(1_000)),
  };
}

/** A node without clients, parts and past. */
export function idleNode(): NodeFacts {
  const clock = new FakeClock();
  return {
    version: "0.0.0",
    nodeId: "n0de",
    clock,
    startedMs: clock.monotonicMs(),
    metrics: createMetrics(),
    pubsub: "local",
    broadcasters: ["http", "api"],
    readiness: () => ({ status: "ready", isReady: true, parts: {} }),
  };
}

/** A broker that has only what a test gives it. */
export function brokerOf(stores: Pick<Broker, "history" | "sessions" | "presence">): Broker {
  return { name: "stand-in", start: async () => {}, stop: async () => {}, ...stores };
}

/** Keeps what it is given, the offsets from `first` on, and answers as a history does. */
export function keptHistory(kept: readonly Publication[], changes: Partial<StreamHistory> = {}): StreamHistory {
  const head = kept.at(-1)?.position;
  const complete = (publications: readonly Publication[]): HistoryAnswer => ({ status: "complete", publications, head });
  return {
    scope: "cluster",
    passesOn: false,
    keeps: () => true,
    append: () => Promise.reject(new Error("not for appending")),
    head: () => head,
    after(_stream, { epoch, offset }) {
      const first = kept[0]?.position?.offset ?? 1;
      if (epoch !== head?.epoch) return { status: "gone", why: "another epoch" };
      if (offset < first - 1 || offset > head.offset) return { status: "gone", why: "not kept" };
      return complete(kept.filter(({ position }) => position!.offset > offset));
    },
    since: (_stream, second) => complete(kept.filter(({ receivedAtMs }) => receivedAtMs >= second * 1_000)),
    ...changes,
  };
}

/** Publications with the offsets `from` to `to`, published one a second, the first at second `from`. */
export function published(from: number, to: number, json: (offset: number) => string = (offset) => `{"n":${offset}}`): Publication[] {
  return Array.from({ length: to - from + 1 }, (_, at) => {
    const offset = from + at;
    return {
      stream: "s",
      json: json(offset),
      excludeSid: "who caused it",
      broadcastType: undefined,
      isTransient: false,
      receivedAtMs: offset * 1_000,
      position: { epoch: "e1", offset },
    };
  });
}

/** A presence store for looking only. */
export function presenceOf(info: (stream: string, withRecords: boolean) => PresenceInfo | Promise<PresenceInfo>): PresenceStore {
  return {
    ttlMs: 15_000,
    join: () => false,
    leave: () => undefined,
    keep: () => {},
    info,
  };
}
