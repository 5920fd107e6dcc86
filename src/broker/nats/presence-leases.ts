import { randomBytes } from "node:crypto";
import type { Clock } from "../../clock.ts";
import type { Bucket } from "./bucket.ts";
import { WrongRevision, type JetStream } from "./jetstream.ts";
import { keyOfNode } from "./presence-copy.ts";

export interface NodeLeasesOptions {
  readonly bucket: Bucket;
  readonly clock: Clock;
  /** A node that shows no sign of life for so long is dead, ms. */
  readonly deadAfterMs: number;
}

/** So much later each node sees to a dead one than the node before it in order: nearly always one does it all. */
const turnMs = 500;

/**
 * Which nodes are alive. Their sessions are, as long as they are: so those need no sign of life each. Nodes see each other's signs and go by
 * their own clocks.
 */
export class NodeLeases {
  readonly #options: NodeLeasesOptions;
  #node: string = newNode();
  #revision = 0;
  /** When each of the others was heard of last, Clock.monotonicMs. */
  readonly #heardMs = new Map<string, number>();

  constructor(options: NodeLeasesOptions) {
    this.#options = options;
  }

  /** What this node is called; another name after it was taken for dead. */
  get node(): string {
    return this.#node;
  }

  /** Shows that this node is alive. */
  async renew(js: JetStream): Promise<void> {
    const { bucket } = this.#options;
    for (;;) {
      const node = this.#node;
      const key = keyOfNode(node);
      try {
        const revision = await bucket.put(js, key, "{}", this.#revision);
        if (node === this.#node) this.#revision = Math.max(this.#revision, revision);
        return;
      } catch (error) {
        if (!(error instanceof WrongRevision)) throw error;
      }
      const entry = await bucket.get(js, key);
      if (node !== this.#node) continue;
      this.#revision = entry === undefined || entry.isDeleted ? 0 : entry.revision;
      // The others have let its sessions go, or are about to.
      if (entry?.isDeleted === true) this.#node = newNode();
    }
  }

  heard(node: string): void {
    if (node !== this.#node) this.#heardMs.set(node, this.#options.clock.monotonicMs());
  }

  /** We were away ourselves: they may need some time to be heard of again. */
  heardNothing(graceMs: number): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const node of this.#heardMs.keys()) this.#heardMs.set(node, nowMs + graceMs);
  }

  /** Nodes that it is our turn to see to. `withSessions`: those that have any, or had. */
  dead(withSessions: Iterable<string>): readonly string[] {
    const { clock, deadAfterMs } = this.#options;
    const nowMs = clock.monotonicMs();
    for (const node of withSessions) if (node !== this.#node && !this.#heardMs.has(node)) this.#heardMs.set(node, nowMs);
    const silent = [...this.#heardMs].filter(([, heardMs]) => nowMs - heardMs >= deadAfterMs);
    if (silent.length === 0) return [];
    const gone = new Set(silent.map(([node]) => node));
    const alive = [this.#node, ...this.#heardMs.keys()].filter((node) => !gone.has(node)).toSorted();
    const waitMs = deadAfterMs + alive.indexOf(this.#node) * turnMs;
    return silent.filter(([, heardMs]) => nowMs - heardMs >= waitMs).map(([node]) => node);
  }

  /** The node is dead, and nothing of it is left. */
  async bury(js: JetStream, node: string): Promise<void> {
    const { bucket } = this.#options;
    const entry = await bucket.get(js, keyOfNode(node));
    if (entry?.isDeleted === false) await bucket.delete(js, keyOfNode(node), "dead", entry.revision).catch(unlessFaster);
    this.#heardMs.delete(node);
  }
}

function unlessFaster(error: unknown): void {
  if (!(error instanceof WrongRevision)) throw error;
}

function newNode(): string {
  return randomBytes(8).toString("hex");
}
