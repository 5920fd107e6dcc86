import { CableClient, connectClients } from "./client.ts";
import { ChunkClock, pause } from "./clock.ts";
import { fail } from "./failure.ts";
import { filling } from "./filling.ts";
import { streamIdentifier, streamName } from "./hearing.ts";
import { Meter } from "./meter.ts";
import type { Figures, KeepPlan } from "./plan.ts";
import { Publisher } from "./publisher.ts";
import { quiet, settledRss } from "./rest.ts";

const MIB = 1_048_576;
const CONNECTING_AT_ONCE = 100;
const PUBLISHERS = 4;

/**
 * The server has seen as much before as what is measured, so that its heap and its buffers are as large as they get: what is added then is
 * what it keeps.
 */
export async function keeps(plan: KeepPlan): Promise<Figures> {
  const fill = plan.what === "messages" ? fillWithMessages : fillWithSessions;
  const meter = new Meter(plan);
  await fill(plan, 0);
  await quiet(plan.serverPid);
  const rssBefore = await rssAtRest(plan);
  await fill(plan, plan.streams);
  await quiet(plan.serverPid);
  const rssAfter = await rssAtRest(plan);
  const items = plan.what === "messages" ? plan.streams * plan.perStream : plan.clients;
  return {
    ...meter.stop(),
    items,
    bytesPerItem: (rssAfter - rssBefore) / items,
    rssBeforeMib: rssBefore / MIB,
    rssAfterMib: rssAfter / MIB,
  };
}

async function rssAtRest(plan: KeepPlan): Promise<number> {
  if (plan.collectsGarbage === true) {
    process.kill(plan.serverPid, "SIGUSR2");
    await quiet(plan.serverPid);
  }
  return settledRss(plan);
}

/** A batch to each of the streams, which nobody else has. */
async function fillWithMessages(plan: KeepPlan, firstStream: number): Promise<void> {
  let answered = 0;
  const publishers = Array.from({ length: PUBLISHERS }, () => new Publisher(plan, filling(plan.bodyBytes), () => (answered += 1)));
  for (let at = 0; at < plan.streams; at += 1) {
    const stream = firstStream + at;
    const numbers = Array.from({ length: plan.perStream }, (_, index) => stream * plan.perStream + index);
    publishers[at % PUBLISHERS]?.postBatch(streamName(stream), numbers);
  }
  while (answered < plan.streams) await pause(20);
}

/** Clients that come and go. */
async function fillWithSessions(plan: KeepPlan): Promise<void> {
  const clock = new ChunkClock();
  const clients = await connectClients(
    plan.clients,
    Math.min(CONNECTING_AT_ONCE, plan.clients),
    (_index, subscribed) =>
      new CableClient(plan, clock, [streamIdentifier(0)], () => fail("a message although nobody published"), subscribed),
  );
  for (const client of clients) client.drop();
}
