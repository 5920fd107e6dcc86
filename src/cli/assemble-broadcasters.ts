import type { Broadcaster } from "../broadcasters/broadcaster.ts";
import { httpBroadcaster } from "../broadcasters/http.ts";
import type { Config } from "../config/config.ts";
import type { Routes } from "../http/routes.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { Outside } from "./assemble.ts";

interface Around extends Outside {
  readonly metrics: Metrics;
  /** The listener to hang on, once it is known that something comes over HTTP. */
  readonly routes: () => Routes;
}

/** The ways in which the application may publish. */
export function broadcastersOf(config: Config, { logger, clock, nodeId, metrics, routes }: Around): Promise<Broadcaster[]> {
  const { broadcast, redis, nats, server } = config;
  const shared = { clock, logger };
  return Promise.all(
    broadcast.adapters.map(async (adapter) => {
      switch (adapter) {
        case "http": {
          const { path, key, cors, maxBodyBytes } = broadcast.http;
          return httpBroadcaster({
            routes: routes(),
            path,
            key,
            corsOrigins: cors ? server.allowedOrigins : undefined,
            maxBodyBytes,
            logger,
          });
        }
        case "redis": {
          const { redisPubsubBroadcaster } = await import("../broadcasters/redis-pubsub.ts");
          return redisPubsubBroadcaster({ ...shared, redis, channel: broadcast.redisChannel, isRequired: redis.isRequired });
        }
        case "redisx": {
          const { redisStreamsBroadcaster } = await import("../broadcasters/redis-streams.ts");
          const { stream, group, readBlockMs } = broadcast.redisx;
          return redisStreamsBroadcaster({
            ...shared,
            redis,
            stream,
            group,
            // A node that is started again under its name is not the consumer that it was.
            consumer: `${nodeId}-${process.pid}-${Math.floor(clock.nowMs()).toString(36)}`,
            blockMs: readBlockMs,
            maxBodyBytes: broadcast.http.maxBodyBytes,
            isRequired: redis.isRequired,
            metrics,
          });
        }
        case "nats": {
          const { natsBroadcaster } = await import("../broadcasters/nats.ts");
          return natsBroadcaster({ ...shared, nats, subject: broadcast.natsChannel, isRequired: nats.isRequired });
        }
      }
    }),
  );
}
