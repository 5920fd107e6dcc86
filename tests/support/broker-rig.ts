import { expect } from "vitest";
import type { Awaitable, Broker } from "../../src/broker/broker.ts";
import type { Publication } from "../../src/publications/publication.ts";
import { eventually } from "./eventually.ts";

/** How a broker of the contract suites is set up. Streams whose name begins with `unkept` are not kept; `short` keeps two publications. */
export interface BrokerSettings {
  readonly history: (stream: string) => { readonly limit: number; readonly ttlMs: number };
  readonly sessionsTtlMs: number;
  readonly presenceTtlMs: number;
}

/** Something that can be done to this kind of store, or the reason why not. */
export type Possible<Act> = Act | { readonly lacks: string };

/** One store, and the nodes that share it. Opened anew for each test. */
export interface BrokerRig {
  /** A broker of one more node, not started. The suite starts and stops it. */
  newNode(settings: BrokerSettings): Broker;
  /** Lets time pass for the store: a clock that can be faked jumps, a real one is waited for. */
  pass(ms: number): Promise<void>;
  /** The clock that the store stamps publications with, Unix time. */
  nowMs(): number;
  /** A time to live that is short, and long enough for a dozen calls: what a test of expiry waits for. */
  readonly shortTtlMs: number;
  /** More than one node can share the store. `newNode` is then called twice. */
  readonly otherNodes: Possible<true>;
  /** Ends the store, as in a crash, and starts it with nothing; resolves when it runs. Nodes come back to it by themselves. */
  readonly restartEmpty: Possible<() => Promise<void>>;
  /** The same with all that it had stored. */
  readonly restartKept: Possible<() => Promise<void>>;
  /** Remembers what is stored now; `rollBack` ends the store and starts it with that. */
  readonly snapshot: Possible<() => Promise<{ readonly rollBack: () => Promise<void> }>>;
  /** The store does not answer any more, though connections stand; `thaw` ends that. */
  readonly freeze: Possible<() => Promise<{ readonly thaw: () => Promise<void> }>>;
  /** What `append` passed on about this stream and arrived at this node. Absent: look at the listener. */
  readonly hear?: ((stream: string) => Promise<readonly Publication[]>) | undefined;
  /** Gives back what the rig took, after the brokers were stopped. */
  close(): Promise<void>;
}

export type OpenBrokerRig = () => Promise<BrokerRig>;

/** A started broker and what its listener was told. */
export interface BrokerNode {
  readonly broker: Broker;
  readonly delivered: Publication[];
  /** `[stream, id]` */
  readonly expired: [string, string][];
}

/** Settings of contract suites: nothing ends by itself unless a test asks for it. */
function brokerSettings(change: Partial<BrokerSettings> = {}): BrokerSettings {
  return {
    history: (stream) => ({ limit: stream.startsWith("unkept") ? 0 : stream.startsWith("short") ? 2 : 500, ttlMs: 300_000 }),
    sessionsTtlMs: 300_000,
    presenceTtlMs: 60_000,
    ...change,
  };
}

/** The rig of one test with its nodes. */
export class BrokerStage {
  readonly rig: BrokerRig;
  readonly #brokers: Broker[] = [];

  constructor(rig: BrokerRig) {
    this.rig = rig;
  }

  /** One more node that works. */
  async node(change: Partial<BrokerSettings> = {}): Promise<BrokerNode> {
    const broker = this.rig.newNode(brokerSettings(change));
    this.#brokers.push(broker);
    const delivered: Publication[] = [];
    const expired: [string, string][] = [];
    await broker.start({
      deliver: (publication) => void delivered.push(publication),
      execute: () => {},
      missed: () => {},
      expired: (stream, id) => void expired.push([stream, id]),
    });
    const node = { broker, delivered, expired };
    await connected(node);
    return node;
  }

  async stop({ broker }: BrokerNode): Promise<void> {
    await broker.stop();
  }

  /** Lets time pass until something is as it should be. */
  async until(probe: () => unknown, patienceMs: number): Promise<void> {
    const steps = 40;
    for (let step = 0; ; step++) {
      if (await probe()) return;
      if (step === steps) throw new Error(`It was not so after ${patienceMs} ms: ${String(probe)}`);
      await this.rig.pass(patienceMs / steps);
    }
  }

  /** The second that begins now: what happens from here on, for most of a second, happens in it. */
  async nextSecond(): Promise<number> {
    await this.rig.pass(1_005 - (this.rig.nowMs() % 1_000));
    return Math.floor(this.rig.nowMs() / 1_000);
  }

  async close(): Promise<void> {
    for (const broker of this.#brokers) await broker.stop();
    await this.rig.close();
  }
}

/** A cluster may have to choose leaders first. */
export async function connected({ broker }: BrokerNode): Promise<void> {
  await eventually(() => broker.state?.().isConnected ?? true, 40_000).toBe(true);
}

/** Ends a test that this store has no way for, with the reason; gives the way otherwise. */
export function needs<Act>(possible: Possible<Act>, context: { skip(reason: string): never }): Act {
  if (typeof possible === "object" && possible !== null && "lacks" in possible) context.skip(possible.lacks);
  return possible as Act;
}

/** Resolves to what a call throws, at once or later. */
export async function thrownBy(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  return expect.unreachable("it did not fail");
}

/** What was asked for at once. */
export function allOf<T>(answers: readonly Awaitable<T>[]): Promise<T[]> {
  return Promise.all(answers.map(async (answer) => answer));
}
