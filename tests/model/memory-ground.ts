import { memoryBroker } from "../../src/broker/memory/memory.ts";
import type { Clock, Timer } from "../../src/clock.ts";
import { silentLogger } from "../../src/logger.ts";
import { localPubsub } from "../../src/pubsub/local.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { seededRandom } from "../support/seeded-random.ts";
import type { Action } from "./actions.ts";
import { startNode, type ModelNode } from "./node.ts";
import { turn, type Ground, type GroundOptions } from "./play.ts";
import type { Asked } from "./view.ts";

/** Time passes in such steps, with room for what it sets going. */
const STEP_MS = 500;
/** Longer than anything that is waited for: a restored client's chance to ask, a write. */
const REST_MS = 13_000;
/** A stream's offsets are remembered for so many times as long as its publications. */
const REMEMBERED_TTLS = 10;

/** One node with a memory broker, and a clock that stands still. */
export async function openMemoryGround(options: GroundOptions): Promise<Ground> {
  const ground = new MemoryGround(options);
  await ground.start();
  return ground;
}

class MemoryGround implements Ground {
  readonly nodes: [ModelNode | undefined] = [undefined];
  readonly #options: GroundOptions;
  readonly #clock = new FakeClock();
  readonly #random = seededRandom(1);
  #nodeClock: NodeClock | undefined;
  #startedSecond = 0;
  #epochs = 0;
  #sids = 0;

  constructor(options: GroundOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { case: one, channels, truth } = this.#options;
    const { setting } = one;
    const clock = new NodeClock(this.#clock);
    this.#nodeClock = clock;
    this.#startedSecond = this.#second();
    const random = this.#random;
    this.nodes[0] = await startNode({
      clock,
      logger: silentLogger,
      random,
      newSid: () => `sid${++this.#sids}`,
      broker: memoryBroker({
        settingsFor: (stream) => setting.streams[this.#options.streams.indexOf(stream)]!,
        longestTtlMs: 30_000,
        sessionsTtlMs: setting.sessionsTtlMs,
        presenceTtlMs: 60_000,
        hearsOthers: false,
        newEpoch: () => `e${++this.#epochs}`,
        clock,
      }),
      pubsub: localPubsub(),
      channels,
      setting,
      stored: ({ json, stream }, position) => {
        truth.stored((JSON.parse(json) as { n: number }).n, stream, position, this.nowMs());
      },
    });
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  isKept(stream: string): boolean {
    return this.#settings(stream).limit > 0;
  }

  excuse(asked: Omit<Asked, "excuse">, stream: string): string | undefined {
    const { limit, ttlMs } = this.#settings(stream);
    const position = asked.positions.get(stream);
    if (position === undefined && asked.since === 0) return undefined;
    if (limit === 0) return "nothing is kept";
    const all = this.#options.truth.entries(stream).filter(({ lostAt }) => lostAt === Infinity);
    const newest = all.at(-1);
    if (newest !== undefined && this.#isForgotten(newest.storedSecond, ttlMs)) return "forgotten";
    const oldestSecond = Math.floor((this.nowMs() - ttlMs) / 1_000);
    const kept = all.slice(-limit).filter(({ storedSecond }) => storedSecond >= oldestSecond);
    if (position === undefined) {
      if (this.#isForgottenSince(asked.since)) return "of a time of which a stream was forgotten, whichever it was";
      if (asked.isReturning && asked.since <= this.#startedSecond) return "from before the node began";
      if (asked.since > this.#second()) return "of a time to come";
      const dropped = all.at(-1 - kept.length);
      return dropped !== undefined && dropped.storedSecond >= asked.since ? "dropped" : undefined;
    }
    const head = newest?.position;
    if (head === undefined || position.epoch !== head.epoch) return "of another epoch";
    if (position.offset > head.offset) return "beyond the newest";
    return position.offset < head.offset - kept.length ? "not kept any more" : undefined;
  }

  async disturb(action: Action): Promise<void> {
    if (action.does !== "restart node") return;
    const node = this.nodes[0];
    this.#nodeClock?.stop();
    this.#options.nodeEnded(0);
    this.#options.truth.lost();
    await node?.stop();
    await this.start();
  }

  async pass(ms: number, step: () => boolean): Promise<void> {
    for (let left = ms; left > 0; left -= STEP_MS) {
      this.#clock.advance(Math.min(left, STEP_MS));
      step();
      await turn();
    }
  }

  async settle(step: () => boolean): Promise<void> {
    for (let quiet = 0; quiet < 2; quiet++) {
      await turn();
      if (step()) quiet = -1;
    }
  }

  async mend(step: () => boolean): Promise<void> {
    await this.settle(step);
    await this.pass(REST_MS, step);
    await this.settle(step);
  }

  async stop(): Promise<void> {
    this.#nodeClock?.stop();
    await this.nodes[0]?.stop();
  }

  #isForgotten(newestSecond: number, ttlMs: number): boolean {
    return this.nowMs() - newestSecond * 1_000 > REMEMBERED_TTLS * ttlMs;
  }

  /** Of streams that are forgotten nothing is known but when the last one had its newest publication; they may have begun anew since. */
  #isForgottenSince(second: number): boolean {
    const { streams, truth } = this.#options;
    return streams.some((stream) =>
      truth
        .entries(stream)
        .some(
          ({ lostAt, storedSecond }) =>
            lostAt === Infinity && storedSecond >= second && this.#isForgotten(storedSecond, this.#settings(stream).ttlMs),
        ),
    );
  }

  #settings(stream: string): { readonly limit: number; readonly ttlMs: number } {
    return this.#options.case.setting.streams[this.#options.streams.indexOf(stream)]!;
  }

  #second(): number {
    return Math.floor(this.nowMs() / 1_000);
  }
}

/** The time of one node: when that ends, nothing of it is due any more. */
class NodeClock implements Clock {
  readonly #clock: FakeClock;
  #isStopped = false;
  readonly #timers = new Set<Timer>();

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  nowNs(): bigint {
    return this.#clock.nowNs();
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  after(delayMs: number, task: () => void): Timer {
    if (this.#isStopped) return { cancel: () => {} };
    const timer = this.#clock.after(delayMs, () => {
      this.#timers.delete(timer);
      task();
    });
    this.#timers.add(timer);
    return {
      cancel: () => {
        this.#timers.delete(timer);
        timer.cancel();
      },
    };
  }

  stop(): void {
    this.#isStopped = true;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }
}
