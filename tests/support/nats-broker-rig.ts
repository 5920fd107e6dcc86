import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Broker } from "../../src/broker/broker.ts";
import { natsBroker, type NatsBrokerOptions } from "../../src/broker/nats/nats.ts";
import { systemClock } from "../../src/clock.ts";
import { silentLogger } from "../../src/logger.ts";
import { createMetrics } from "../../src/metrics/metrics.ts";
import type { BrokerRig, BrokerSettings } from "./broker-rig.ts";
import type { NatsServer } from "./nats-server.ts";

/** A broker that soon gives up waiting for an answer. */
function natsBrokerOf(settings: BrokerSettings, options: Partial<NatsBrokerOptions> & Pick<NatsBrokerOptions, "nats">): Broker {
  return natsBroker({
    settingsFor: settings.history,
    sessionsTtlMs: settings.sessionsTtlMs,
    presenceTtlMs: settings.presenceTtlMs,
    timeoutMs: 3_000,
    clock: systemClock(),
    logger: silentLogger,
    metrics: createMetrics(),
    ...options,
  });
}

let rigs = 0;

/** Nodes on one NATS server with JetStream, which all tests of a file use one after the other: each has names of its own there. */
export async function openNatsRig(server: NatsServer, options: Partial<NatsBrokerOptions> = {}): Promise<BrokerRig> {
  const prefix = `rig-${rigs++}`;
  const saved = join(server.folder, `saved-${prefix}`);
  const store = join(server.folder, "jetstream");
  return {
    pass: (ms) => pause(ms),
    nowMs: Date.now,
    shortTtlMs: 600,
    newNode: (settings) => natsBrokerOf(settings, { nats: { servers: [server.url] }, prefix, ...options }),
    otherNodes: true,
    restartEmpty: () => server.restart({ empty: true }),
    restartKept: () => server.restart(),
    snapshot: async () => {
      await server.kill();
      cpSync(store, saved, { recursive: true });
      await server.restart();
      return {
        rollBack: async () => {
          await server.kill();
          rmSync(store, { recursive: true });
          cpSync(saved, store, { recursive: true });
          await server.restart();
        },
      };
    },
    freeze: async () => {
      server.freeze();
      return { thaw: async () => server.thaw() };
    },
    close: async () => server.thaw(),
  };
}
