import { natsBroker } from "../../src/broker/nats/nats.ts";
import { natsPubsub } from "../../src/pubsub/nats.ts";
import { startNats, type NatsServer } from "../support/nats-server.ts";
import type { Medium } from "./shared-ground.ts";

/** A broker and a pub/sub on the same NATS. */
export function natsMedium(server: NatsServer): Medium {
  return {
    port: server.port,
    parts(port, { prefix, setting, settingsFor, clock, logger, metrics }) {
      const nats = { servers: [`nats://127.0.0.1:${port}`] };
      return {
        broker: natsBroker({
          nats,
          prefix,
          settingsFor,
          sessionsTtlMs: setting.sessionsTtlMs,
          presenceTtlMs: 0,
          timeoutMs: 3_000,
          clock,
          logger,
          metrics,
        }),
        pubsub: natsPubsub({ nats, subjects: { prefix, internal: `${prefix}internal` }, clock, logger, metrics }),
      };
    },
    close: async () => {},
  };
}

/** The same on a NATS of its own, which may die. */
export async function mortalNatsMedium(): Promise<Medium> {
  const server = await startNats({ jetstream: true });
  return {
    ...natsMedium(server),
    restart: (keeps) => server.restart({ empty: keeps === "nothing" }),
    close: () => server.kill(),
  };
}
