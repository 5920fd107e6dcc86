import { CableClient, connectClients } from "./client.ts";
import { ChunkClock, pause } from "./clock.ts";
import { fail } from "./failure.ts";
import { streamIdentifier } from "./hearing.ts";
import { Meter } from "./meter.ts";
import type { ConnectPlan, Figures } from "./plan.ts";
import { cpuMsOf, rssBytesOf } from "../usage.ts";

const MIB = 1_048_576;
/** Two rounds of pings. */
const IDLE_MS = 6_000;
const QUIET_FOR_MS = 300;

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

/** Waits until the server has dealt with what went before: next to no CPU used for a while. */
async function quiet(pid: number): Promise<void> {
  let usedMs = cpuMsOf(pid);
  for (;;) {
    await pause(QUIET_FOR_MS);
    const nowMs = cpuMsOf(pid);
    if (nowMs - usedMs <= 10) return;
    usedMs = nowMs;
  }
}

/** The server's memory once it has stayed within 1 % for 6 s: collectors give back what the connecting left behind when nothing happens. */
async function settledRss(plan: ConnectPlan): Promise<number> {
  const endMs = performance.now() + plan.settleMs;
  let rest = rssBytesOf(plan.serverPid);
  let restSinceMs = performance.now();
  while (performance.now() < endMs && performance.now() - restSinceMs < 6_000) {
    await pause(500);
    const now = rssBytesOf(plan.serverPid);
    if (Math.abs(now - rest) <= rest / 100) continue;
    rest = now;
    restSinceMs = performance.now();
  }
  return rssBytesOf(plan.serverPid);
}
