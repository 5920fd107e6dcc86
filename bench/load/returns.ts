import { ChunkClock, pause } from "./clock.ts";
import { fail } from "./failure.ts";
import { MessageLayout, streamName } from "./hearing.ts";
import { Meter, type Usage } from "./meter.ts";
import type { Figures, ReturnPlan } from "./plan.ts";
import { Publisher } from "./publisher.ts";
import { quiet } from "./rest.ts";
import { type Mishaps, Returner } from "./returner.ts";

const PUBLISHERS = 16;
/** What comes although everybody has been told that all has come. */
const GRACE_MS = 300;
const GIVEN_UP_AFTER_MS = 20_000;

/** Connects everybody, drops everybody, publishes, and lets everybody come back: what each of the two storms took, and what was lost in the second. */
export async function returns(plan: ReturnPlan): Promise<Figures> {
  const crowd = new Crowd(plan);
  await crowd.goAndReturn(plan.warmUpClients);
  const { connecting, returning, lost } = await crowd.goAndReturn(plan.clients);
  const { misplaced, refused } = crowd.mishaps;
  if (plan.mayLose !== true && lost + misplaced + refused > 0) {
    fail(`${lost} messages were lost, ${misplaced} came twice or too late, ${refused} sessions or requests for history were refused`);
  }
  return {
    ...returning.usage,
    connectMs: connecting.lastMs,
    returnMs: returning.lastMs,
    cpuUsPerConnect: (connecting.usage.serverCpuMs * 1_000) / plan.clients,
    cpuUsPerReturn: (returning.usage.serverCpuMs * 1_000) / plan.clients,
    recovered: plan.isAnew === true ? 0 : plan.clients * plan.missed - lost,
    lost,
    misplaced,
    refused,
  };
}

/** `lastMs`: from the first connection to the last thing that anybody heard. */
interface Storm {
  readonly lastMs: number;
  readonly usage: Usage;
}

class Crowd {
  readonly mishaps: Mishaps = { misplaced: 0, refused: 0 };
  readonly #plan: ReturnPlan;
  readonly #clock = new ChunkClock();
  readonly #layout = new MessageLayout();
  readonly #publishers: readonly Publisher[];
  /** Of each stream. */
  #published = 0;
  #requests = 0;
  #answered = 0;

  constructor(plan: ReturnPlan) {
    this.#plan = plan;
    this.#publishers = Array.from({ length: PUBLISHERS }, () => new Publisher(plan, "", () => (this.#answered += 1)));
  }

  async goAndReturn(count: number): Promise<{ readonly connecting: Storm; readonly returning: Storm; readonly lost: number }> {
    const { isAnew = false, missed, streams } = this.#plan;
    const tools = { clock: this.#clock, layout: this.#layout, mishaps: this.mishaps };
    const clients = Array.from({ length: count }, (_, at) => new Returner(this.#plan, { stream: at % streams, streams }, tools));
    await quiet(this.#plan.serverPid);
    const connecting = await this.#storm(clients, (client, arrived) => client.connect(arrived));
    // So that everybody knows where they stand.
    await this.#publish(1);
    await until(() => clients.every(({ heard }) => heard === 1), "a message to everybody");
    for (const client of clients) client.drop();
    await quiet(this.#plan.serverPid);
    await this.#publish(missed);
    await quiet(this.#plan.serverPid);
    const returning = await this.#storm(clients, (client, arrived) => (isAnew ? client.connect(arrived) : client.comeBack(arrived)));
    const lost = isAnew ? 0 : clients.reduce((sum, { heard }) => sum + missed - heard, 0);
    for (const client of clients) client.drop();
    return { connecting, returning, lost };
  }

  /** Every client comes, at most so many under way at a time. */
  async #storm(clients: readonly Returner[], come: (client: Returner, arrived: () => void) => void): Promise<Storm> {
    let begun = 0;
    let arrived = 0;
    const next = (): void => {
      const client = clients[begun];
      if (client === undefined) return;
      begun += 1;
      come(client, () => {
        arrived += 1;
        next();
      });
    };
    const meter = new Meter(this.#plan);
    const startMs = performance.now();
    for (let i = 0; i < this.#plan.atOnce; i += 1) next();
    await until(() => arrived >= clients.length, "every client");
    const usage = meter.stop();
    await pause(GRACE_MS);
    return { lastMs: Math.max(...clients.map(({ lastAtMs }) => lastAtMs)) - startMs, usage };
  }

  /** So many messages to each stream, in order, as one request. */
  async #publish(perStream: number): Promise<void> {
    const { streams } = this.#plan;
    for (let stream = 0; stream < streams; stream += 1) {
      const numbers = Array.from({ length: perStream }, (_, at) => (this.#published + at) * streams + stream);
      this.#publishers[stream % PUBLISHERS]?.postBatch(streamName(stream), numbers);
    }
    this.#published += perStream;
    this.#requests += streams;
    await until(() => this.#answered === this.#requests, "the answer to every publication");
  }
}

async function until(isDone: () => boolean, what: string): Promise<void> {
  const endMs = performance.now() + GIVEN_UP_AFTER_MS;
  while (!isDone()) {
    if (performance.now() > endMs) fail(`waited ${GIVEN_UP_AFTER_MS / 1_000} s for ${what}`);
    await pause(5);
  }
}
