import type { Broker } from "../broker/broker.ts";
import type { Clock } from "../clock.ts";
import type { Readiness } from "../http/health.ts";
import type { Metrics } from "../metrics/metrics.ts";

/** What this node knows of itself. */
export interface NodeFacts {
  readonly version: string;
  readonly nodeId: string;
  readonly clock: Clock;
  /** Clock.monotonicMs of the start. */
  readonly startedMs: number;
  readonly metrics: Metrics;
  /** The pubsub's name. */
  readonly pubsub: string;
  /** The broadcasters' names. */
  readonly broadcasters: readonly string[];
  readonly readiness: () => Readiness;
}

/** `parts` and `status` are those of the readiness page; the rest says what this node is made of and how much it holds. */
export function nodeInformation(facts: NodeFacts, broker: Broker | undefined): string {
  const { version, nodeId, clock, startedMs, metrics, pubsub, broadcasters } = facts;
  const { status, parts } = facts.readiness();
  return JSON.stringify({
    type: "node",
    version,
    node_id: nodeId,
    uptime_ms: Math.round(clock.monotonicMs() - startedMs),
    status,
    clients: metrics.gauges.clients_num?.() ?? 0,
    streams: metrics.gauges.broadcast_streams_num?.() ?? 0,
    broker: broker === undefined ? null : brokerOf(broker),
    pubsub,
    broadcasters,
    parts,
  });
}

function brokerOf({ name, history, sessions, presence }: Broker): object {
  return { name, history: history?.scope ?? null, sessions: sessions !== undefined, presence: presence !== undefined };
}
