import { expect } from "vitest";
import { eventually } from "./eventually.ts";
import { NumberedPublisher, overHttp, overRedisx, type NumberedPublisherOptions, type NumberedSource } from "./numbered-publisher.ts";
import { ReadinessWatch } from "./readiness-watch.ts";
import { ReturningClient, type ReturningClientOptions } from "./returning-client.ts";
import { standalone, startRopeway, type Ropeway } from "./ropeway.ts";
import { faultsOf } from "./whole-view.ts";

/** Streams that all clients hear. */
export const streams: readonly string[] = ["news", "chat/1"];

export interface LoadOptions {
  /** Default `streams`. */
  readonly streams?: readonly string[];
  /** The Redis that redisx reads from; without it everything goes over HTTP. */
  readonly redisxUrl?: string;
  /** Default `any order`. */
  readonly redisxPromise?: NumberedSource["promise"];
  /** Of each publisher. Default 5: about two hundred publications a second from all three. */
  readonly everyMs?: number | undefined;
}

/**
 * Some Ropeway processes that work together, a crowd of clients that come back by themselves, and applications that publish without a break.
 * What matters is in `isWhole`: whether the promise of delivery held for everybody.
 */
export class ClusterStage {
  readonly nodes: Ropeway[] = [];
  /** Of each node, in the same order. */
  readonly watches: ReadinessWatch[] = [];
  readonly clients: ReturningClient[] = [];
  readonly publishers: NumberedPublisher[] = [];
  /** What was published besides. */
  readonly bursts: NumberedSource[] = [];
  readonly #flags: readonly string[];
  readonly #closings: (() => void)[] = [];

  private constructor(flags: readonly string[]) {
    this.#flags = [...standalone, "--broadcast_adapter=http,redisx", ...flags];
  }

  /** Resolves when everything that the nodes need is there. */
  static async start(flags: readonly string[], count = 2): Promise<ClusterStage> {
    const stage = new ClusterStage(flags);
    await Promise.all(Array.from({ length: count }, () => stage.add()));
    return stage;
  }

  /** One more node, with other flags than the others. */
  async add(flags: readonly string[] = []): Promise<void> {
    const node = await startRopeway([...this.#flags, ...flags]);
    const at = this.nodes.push(node) - 1;
    await node.becomesReady();
    this.watches[at] = new ReadinessWatch(() => this.nodes[at]!);
  }

  /** Another process in the place of one that is gone, at the same port. */
  async startAgain(at: number): Promise<void> {
    const { port } = this.nodes[at]!;
    this.nodes[at] = await startRopeway([...this.#flags, `--port=${port}`]);
  }

  /** Lets clients come, half of them to each node at first, and waits until they hear everything. */
  async crowd(count = 12, options: Partial<ReturningClientOptions> = {}): Promise<void> {
    const newcomers = Array.from({ length: count }, (_, index) => {
      let turn = index;
      const next = (): string => this.nodes[turn++ % this.nodes.length]!.cable;
      return new ReturningClient({ streams, next, ...options });
    });
    this.clients.push(...newcomers);
    await this.#everybodyIsThere();
  }

  /** Applications begin to publish: one for each stream over HTTP, to all nodes in turn, and one over redisx. */
  async load(options: LoadOptions = {}): Promise<void> {
    const { redisxUrl, redisxPromise = "any order", everyMs } = options;
    const send = overHttp(() => this.nodes);
    for (const stream of options.streams ?? streams) this.publish({ name: `http to ${stream}`, stream, send, everyMs });
    if (redisxUrl !== undefined) {
      const send = overRedisx(redisxUrl);
      this.#closings.push(send.close);
      this.publish({ name: "redisx", stream: streams[0]!, send, promise: redisxPromise, everyMs });
    }
    await this.more(20);
  }

  publish(options: NumberedPublisherOptions): NumberedPublisher {
    const publisher = new NumberedPublisher(options);
    this.publishers.push(publisher);
    return publisher;
  }

  /** Waits until so many more are acknowledged of each publisher. */
  async more(count: number): Promise<void> {
    await Promise.all(this.publishers.map((publisher) => publisher.more(count)));
  }

  /** Waits until everything is as it was, and looks at all that was heard. */
  async isWhole(): Promise<void> {
    for (const node of this.nodes) await eventually(async () => this.#statusOf(node), 30_000).toBe("ready");
    await this.#everybodyIsThere();
    await this.more(20);
    await Promise.all(this.publishers.map((publisher) => publisher.stop()));
    await this.#everybodyIsThere();
    for (const client of this.clients) await eventually(() => this.#lagOf(client), 20_000).toEqual([]);
    // A node may still have something of redisx in hand that it tries again now and then.
    await eventually(() => this.#faults(), 20_000).toEqual([]);
    // What should not come might come late: a ping goes behind it.
    await Promise.all(this.clients.map((client) => client.sync()));
    expect(this.#faults()).toEqual([]);
  }

  /** What was not kept, of all clients together. */
  get timesTold(): number {
    return this.clients.reduce((sum, client) => sum + client.timesTold, 0);
  }

  async end(): Promise<void> {
    for (const watch of this.watches) watch.end();
    await Promise.all(this.publishers.map((publisher) => publisher.stop()));
    for (const close of this.#closings) close();
    await Promise.all(this.clients.map((client) => client.leave()));
    await Promise.all(this.nodes.map((node) => node.stop()));
  }

  get #sources(): readonly NumberedSource[] {
    return [...this.publishers, ...this.bursts];
  }

  async #everybodyIsThere(): Promise<void> {
    await eventually(() => this.clients.filter((client) => !client.isCaughtUp).length, 30_000).toBe(0);
  }

  #faults(): string[] {
    return this.clients.flatMap((client) => faultsOf(client, this.#sources));
  }

  /** The newest acknowledged of each publisher that the client has neither heard yet nor been told that it may have missed. */
  #lagOf(client: ReturningClient): string[] {
    return this.#sources.flatMap((publisher) => {
      const last = publisher.sent.findLastIndex(({ isAcknowledged }) => isAcknowledged);
      const isDone = client.timesHeard(publisher, last) > 0 || client.wasToldSince(publisher.stream, publisher.sent[last]!.startedAtMs);
      return isDone ? [] : [`${publisher.name}'s ${last}`];
    });
  }

  async #statusOf(node: Ropeway): Promise<unknown> {
    return ((await (await fetch(node.http("/ready"))).json()) as { readonly status: unknown }).status;
  }
}
