import { setTimeout as pause } from "node:timers/promises";
import type { Broker } from "../../src/broker/broker.ts";
import { systemClock } from "../../src/clock.ts";
import { silentLogger } from "../../src/logger.ts";
import { createMetrics } from "../../src/metrics/metrics.ts";
import type { Pubsub } from "../../src/pubsub/pubsub.ts";
import { tcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";
import type { Action, Setting } from "./actions.ts";
import { startNode, type ModelNode, type NodeOptions } from "./node.ts";
import type { Ground, GroundOptions, OpenGround } from "./play.ts";
import type { Asked } from "./view.ts";

/** What a node is made with, apart from where it finds the medium. */
export interface SharedParts {
  /** Nobody but this case's nodes uses names that begin with this. */
  readonly prefix: string;
  readonly setting: Setting;
  readonly settingsFor: (stream: string) => { readonly limit: number; readonly ttlMs: number };
  readonly clock: NodeOptions["clock"];
  readonly logger: NodeOptions["logger"];
  readonly metrics: ReturnType<typeof createMetrics>;
}

/** A real server between nodes. */
export interface Medium {
  readonly port: number;
  /** What a node that finds the medium at this port keeps and passes on with. */
  parts(port: number, parts: SharedParts): { readonly broker: Broker; readonly pubsub: Pubsub };
  /** Everything of this case that was kept is gone, and the servers go on. Returns which epochs are over by that. */
  loseData?(prefix: string): Promise<readonly { readonly stream: string; readonly epoch: string }[]>;
  /** Dies and starts again, with what it had or with less: for media that one case has for itself. */
  restart?(keeps: "all" | "nothing" | "an older state"): Promise<void>;
  close(): Promise<void>;
}

/** Real time can't be made to pass: cases make do with this part of it. */
const PASS_SHARE = 1 / 20;
/** So long may it take until everything is whole again: who has not answered a ping may ask for ten seconds. */
const PATIENCE_MS = 60_000;
/** A machine that is so much later than it was asked to be may refuse what it would else give. */
const STALL_MS = 250;
/** Clocks are read at different moments. */
const MARGIN_MS = 1_500;

let cases = 0;

/** Several nodes on one real medium. */
export function openSharedGround(openMedium: () => Promise<Medium>): OpenGround {
  return async (options) => {
    const ground = new SharedGround(options, await openMedium());
    await ground.start();
    return ground;
  };
}

class SharedGround implements Ground {
  readonly nodes: (ModelNode | undefined)[] = [];
  readonly #options: GroundOptions;
  readonly #medium: Medium;
  readonly #prefix = `case${++cases}-`;
  readonly #wires: TcpProxy[] = [];
  readonly #remotes: (Broker | Pubsub)[] = [];
  readonly #endings: Promise<unknown>[] = [];
  readonly #clock = systemClock();
  readonly #startedMs = Date.now();
  #sids = 0;

  constructor(options: GroundOptions, medium: Medium) {
    this.#options = options;
    this.#medium = medium;
  }

  async start(): Promise<void> {
    const { setting } = this.#options.case;
    await Promise.all(Array.from({ length: setting.nodes }, (_, node) => this.#startNode(node)));
    // Until then they may refuse everything.
    const untilMs = performance.now() + PATIENCE_MS;
    for (;;) {
      const away = this.#remotes.map((remote) => remote.state?.()).find((state) => state?.isConnected === false);
      if (away === undefined) return;
      if (performance.now() > untilMs) throw new Error(`a node does not reach ${away.target}: ${away.problem}`);
      await pause(2);
    }
  }

  nowMs(): number {
    return Date.now();
  }

  isKept(stream: string): boolean {
    return this.#settings(stream).limit > 0;
  }

  excuse(asked: Omit<Asked, "excuse">, stream: string): string | undefined {
    if (this.#options.truth.isDisturbed) return "something was broken";
    const { limit, ttlMs } = this.#settings(stream);
    const position = asked.positions.get(stream);
    if (position === undefined && asked.since === 0) return undefined;
    if (limit === 0) return "nothing is kept";
    const { truth } = this.#options;
    const all = truth.entries(stream);
    // What is on its way may have pushed out what is older.
    const certain = Math.max(0, limit - truth.unplaced(stream));
    const limited = all.slice(Math.max(0, all.length - certain));
    const kept = limited.filter(({ storedSecond }) => storedSecond * 1_000 >= Date.now() - ttlMs + MARGIN_MS);
    if (position === undefined) {
      if (asked.isReturning && asked.since * 1_000 <= this.#startedMs + MARGIN_MS) return "from before the data began";
      if (asked.since * 1_000 > Date.now() - MARGIN_MS) return "of a time to come";
      const dropped = all.at(-1 - kept.length);
      return dropped !== undefined && dropped.storedSecond >= asked.since - 1 ? "dropped" : undefined;
    }
    const head = all.at(-1)?.position;
    if (head === undefined || position.epoch !== head.epoch) return "of another epoch";
    if (position.offset > head.offset) return "beyond the newest";
    return position.offset < head.offset - kept.length ? "not kept any more" : undefined;
  }

  async disturb(action: Action): Promise<void> {
    const { truth } = this.#options;
    if (action.does === "mend") return this.#wires[action.node]?.mend();
    truth.isDisturbed = true;
    if (action.does === "restart node") return this.#restartNode(action.node);
    if (action.does === "cut") return this.#wires[action.node]?.cut();
    if (action.does === "lose data") {
      for (const { stream, epoch } of (await this.#medium.loseData?.(this.#prefix)) ?? []) truth.epochEnded(stream, epoch);
    }
    if (action.does === "restart broker") {
      await this.#medium.restart?.(action.keeps);
      truth.restarts++;
    }
    truth.lost();
  }

  async pass(ms: number, step: () => boolean): Promise<void> {
    await this.#pause(ms * PASS_SHARE);
    step();
  }

  async settle(step: () => boolean): Promise<void> {
    for (let quiet = 0, rounds = 0; quiet < 3 && rounds < 40; quiet++, rounds++) {
      await this.#pause(4);
      if (step()) quiet = -1;
    }
  }

  async mend(step: () => boolean, isWhole: () => boolean): Promise<void> {
    for (const wire of this.#wires) wire.mend();
    const untilMs = performance.now() + PATIENCE_MS;
    for (;;) {
      await this.settle(step);
      if (isWhole() || performance.now() > untilMs) return;
      await pause(20);
    }
  }

  async stop(): Promise<void> {
    for (const node of this.nodes) this.#endings.push(Promise.resolve(node?.stop()));
    await Promise.all(this.#endings);
    await Promise.all(this.#wires.map((wire) => wire.close()));
    await this.#medium.close();
  }

  /** Dies as in a crash, and is there again at once. */
  async #restartNode(at: number): Promise<void> {
    const node = this.nodes[at];
    const wire = this.#wires[at];
    this.nodes[at] = undefined;
    wire?.cut();
    this.#options.nodeEnded(at);
    this.#endings.push(Promise.resolve(node?.stop()).then(() => wire?.close()));
    await this.#startNode(at);
  }

  async #startNode(at: number): Promise<void> {
    const { channels, truth, case: one } = this.#options;
    const { setting } = one;
    const wire = await tcpProxy(this.#medium.port);
    this.#wires[at] = wire;
    const shared = { clock: this.#clock, logger: silentLogger };
    const settingsFor = (stream: string): { readonly limit: number; readonly ttlMs: number } => this.#settings(stream);
    const parts = this.#medium.parts(wire.port, { ...shared, prefix: this.#prefix, setting, settingsFor, metrics: createMetrics() });
    this.#remotes.push(parts.broker, parts.pubsub);
    this.nodes[at] = await startNode({
      ...shared,
      ...parts,
      random: Math.random,
      newSid: () => `sid${++this.#sids}`,
      channels,
      setting,
      stored: ({ json, stream }, position) => {
        truth.stored((JSON.parse(json) as { n: number }).n, stream, position, this.nowMs());
      },
    });
  }

  async #pause(ms: number): Promise<void> {
    const startedMs = performance.now();
    await pause(ms);
    if (performance.now() - startedMs > ms + STALL_MS) this.#options.truth.isDisturbed = true;
  }

  #settings(stream: string): { readonly limit: number; readonly ttlMs: number } {
    return this.#options.case.setting.streams[this.#options.streams.indexOf(stream)]!;
  }
}
