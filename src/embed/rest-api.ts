import { randomBytes } from "node:crypto";
import { restApi as api, type RestApiOptions as Options } from "../api/rest-api.ts";
import type { Broadcaster } from "../broadcasters/broadcaster.ts";
import { systemClock } from "../clock.ts";
import { deriveKey } from "../config/secrets.ts";
import { readiness, readinessOf, type ReadinessOptions } from "../http/health.ts";
import type { RequestHandler } from "../http/routes.ts";
import { silentLogger } from "../logger.ts";
import { createMetrics, type Metrics } from "../metrics/metrics.ts";
import type { Pubsub } from "../pubsub/pubsub.ts";
import { version } from "../version.ts";

/**
 * `broker`, `pubsub`, `broadcasters` and `metrics` should be those of the server. `maxBodyBytes` is 8 MiB by default; without `corsOrigins`
 * there are no CORS headers; nothing is logged without a `logger`.
 */
export interface RestApiOptions extends Pick<Options, "key" | "broker">, Partial<Pick<Options, "corsOrigins" | "maxBodyBytes" | "logger">> {
  /**
   * What stands before the API's own paths in `request.url` when the handler gets it. Default `/api`; empty where the router takes that away,
   * as Express does with `app.use("/api", handler)`.
   */
  readonly path?: string;
  readonly pubsub?: Pubsub;
  /** The other ways to publish. */
  readonly broadcasters?: readonly Broadcaster[];
  readonly metrics?: Metrics;
  /** Who answers, where several servers do. Default: made up. */
  readonly nodeId?: string;
}

export interface RestApi extends Broadcaster {
  /** Answers all requests whose paths begin with `path`. Hang it before whatever reads bodies: it reads them itself. */
  readonly handler: RequestHandler;
}

/**
 * Ropeway's REST API on a server of yours; `docs/reference/openapi.json` describes it. It is a broadcaster: give it to one server, among its
 * `broadcasters`. `key` has to be said: `undefined` lets everybody call who reaches the path.
 */
export function restApi(options: RestApiOptions): RestApi {
  const { key, broker, path = "/api", pubsub, broadcasters = [], metrics = createMetrics(), corsOrigins } = options;
  const { maxBodyBytes = 8 * 1024 * 1024, logger = silentLogger, nodeId = randomBytes(4).toString("hex") } = options;
  const clock = systemClock();
  let phase: ReturnType<ReadinessOptions["phase"]> = "starting";
  const parts = [
    ...broadcasters.flatMap((broadcaster) => readinessOf(`broadcaster ${broadcaster.name}`, broadcaster)),
    ...(pubsub ? readinessOf(`pubsub ${pubsub.name}`, pubsub) : []),
    ...(broker ? readinessOf(`broker ${broker.name}`, broker) : []),
  ];
  let handler: RequestHandler | undefined;
  const made = api({
    // It finds its way by the request's path: one handler answers all.
    routes: { request: (_path, answer) => void (handler = answer), upgrade: () => {} },
    path,
    key,
    corsOrigins,
    maxBodyBytes,
    broker,
    node: {
      version,
      nodeId,
      clock,
      startedMs: clock.monotonicMs(),
      metrics,
      pubsub: pubsub?.name ?? "local",
      broadcasters: [...broadcasters.map(({ name }) => name), "api"],
      readiness: () => readiness({ clock, parts, phase: () => phase }),
    },
    logger,
  });
  return {
    name: made.name,
    reach: made.reach,
    handler: handler!,
    async start(accept) {
      await made.start(accept);
      phase = "running";
    },
    async stop() {
      phase = "stopping";
      await made.stop();
    },
  };
}

/** The `key` that AnyCable's libraries derive from the application's secret. @throws {CableError} `config.invalid_value` for an empty one. */
export function apiKey(secret: string): string {
  return deriveKey(secret, "api-cable");
}
