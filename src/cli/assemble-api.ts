import { restApi } from "../api/rest-api.ts";
import type { Broadcaster } from "../broadcasters/broadcaster.ts";
import type { Broker } from "../broker/broker.ts";
import type { Config } from "../config/config.ts";
import { readiness, type ReadinessOptions } from "../http/health.ts";
import type { Routes } from "../http/routes.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { Outside } from "./assemble.ts";

interface Told extends Outside {
  /** The listener to hang on, once it is known that there is an API. */
  readonly routes: (listen: NonNullable<Config["api"]>["listen"]) => Routes;
  readonly metrics: Metrics;
  readonly broker: Broker | undefined;
  /** The pubsub's name. */
  readonly pubsub: string;
  /** The other ways to publish. */
  readonly broadcasters: readonly Broadcaster[];
  readonly readiness: ReadinessOptions;
}

/** The REST API, if there is to be one: one more way to publish. */
export function apiOf({ api }: Config, told: Told): Broadcaster[] {
  if (api === undefined) return [];
  const { logger, clock, version, nodeId, metrics, broker, pubsub, broadcasters } = told;
  const rest = restApi({
    ...api,
    routes: told.routes(api.listen),
    broker,
    node: {
      version,
      nodeId,
      clock,
      startedMs: clock.monotonicMs(),
      metrics,
      pubsub,
      broadcasters: [...broadcasters.map(({ name }) => name), "api"],
      readiness: () => readiness(told.readiness),
    },
    logger,
  });
  logger.info("The REST API is on", { path: api.path, authorized: api.key !== undefined });
  return [rest];
}
