import { CableClient, connectClients } from "./client.ts";
import { ChunkClock, pause } from "./clock.ts";
import { fail } from "./failure.ts";
import { streamIdentifier } from "./hearing.ts";
import { Meter } from "./meter.ts";
import type { ConnectPlan, Figures } from "./plan.ts";
import { quiet, settledRss } from "./rest.ts";

const MIB = 1_048_576;
/** Two rounds of pings. */
const IDLE_MS = 6_000;

/** Connects and subscribes everybody; what that cost in CPU, and what they cost in memory, and in CPU for pings, once connected. */
export async function connects(plan: ConnectPlan): Promise<Figures> {
  const clock = new ChunkClock();
  const open = (_index: number, subscribed: () => void): CableClient =>
    new CableClient(plan, clock, [streamIdentifier(0)], () => fail("a message although nobody published"), subscribed);

  const early = await connectClients(plan.warmUpClients, Math.min(plan.atOnce, plan.warmUpClients), open);
  for (const client of early) client.drop();
  await quiet(plan.serverPid);
  const rssBefore = await settledRss(plan);

  const meter = new Meter(plan);
  const clients = await connectClients(plan.clients, plan.atOnce, open);
  // What the server still does after the last confirmation arrived belongs to the handshakes too, but is a matter of microseconds.
  const usage = meter.stop();
  const rssAfter = await settledRss(plan);
  const idle = new Meter(plan);
  await pause(Math.min(plan.settleMs, IDLE_MS));
  return {
    idlePercent: plan.settleMs === 0 ? NaN : idle.stop().serverPercent,
    loadRssMib: process.memoryUsage.rss() / MIB,
    ...usage,
    connected: clients.length,
    connectsPerSecond: (plan.clients * 1_000) / usage.wallMs,
    cpuUsPerConnect: (usage.serverCpuMs * 1_000) / plan.clients,
    rssBeforeMib: rssBefore / MIB,
    rssAfterMib: rssAfter / MIB,
    kibPerClient: (rssAfter - rssBefore) / 1_024 / plan.clients,
  };
}
