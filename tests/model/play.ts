import type { Action, Case, PublicationPlan } from "./actions.ts";
import { channelsOf, streamNames, type Channel } from "./channels.ts";
import { ModelClient, type ClientWorld } from "./client.ts";
import type { ModelNode } from "./node.ts";
import { Truth, type Published } from "./truth.ts";
import { faultOf, type Asked } from "./view.ts";

/** What nodes and their broker stand on: the part of a case that is different from level to level. */
export interface Ground {
  /** Those that run; undefined: it is down. */
  readonly nodes: readonly (ModelNode | undefined)[];
  nowMs(): number;
  /** Why a request for history of a stream could be refused now; undefined: no reason. */
  excuse(asked: Omit<Asked, "excuse">, stream: string): string | undefined;
  isKept(stream: string): boolean;
  /** Does what is done to nodes and what connects them. */
  disturb(action: Action): Promise<void> | void;
  pass(ms: number, step: () => boolean): Promise<void>;
  /** Lets everything go on that can go on without time and input. `step` moves what is on the wire; false: nothing was. */
  settle(step: () => boolean): Promise<void>;
  /** Mends all that was broken, and waits until nothing happens any more: `isWhole` says whether clients wait for anything. */
  mend(step: () => boolean, isWhole: () => boolean): Promise<void>;
  stop(): Promise<void>;
}

export interface GroundOptions {
  readonly case: Case;
  readonly truth: Truth;
  readonly channels: readonly Channel[];
  readonly streams: readonly string[];
  /** The node is gone, and with it what its clients were connected to. */
  readonly nodeEnded: (node: number) => void;
  readonly trace: (line: () => string) => void;
}

export type OpenGround = (options: GroundOptions) => Promise<Ground>;

export interface Outcome {
  readonly faults: readonly string[];
  readonly trace: readonly string[];
  readonly counts: Counts;
}

/** How much of what is tested there was. */
export interface Counts {
  messages: number;
  confirmed: number;
  rejected: number;
  /** Of the broker. */
  restarts: number;
}

const PADDING = "x".repeat(100_000);

/** Lets a case happen, and holds what every client saw against what is promised. */
export async function play(one: Case, openGround: OpenGround, isTraced = false): Promise<Outcome> {
  const playing = new Play(one, isTraced);
  return playing.run(openGround);
}

class Play implements ClientWorld {
  readonly truth: Truth = new Truth();
  readonly channels: readonly Channel[];
  readonly #case: Case;
  readonly #streams: readonly string[];
  readonly #isTraced: boolean;
  readonly #trace: string[] = [];
  readonly #faults: string[] = [];
  readonly #clients: ModelClient[] = [];
  /** Where each client is, and where connections are that their clients left. */
  readonly #places: { readonly node: number; readonly connection: NonNullable<ModelClient["connection"]> }[] = [];
  #ground!: Ground;
  /** Publications of which the publisher knows nothing yet. */
  #unanswered = 0;

  constructor(one: Case, isTraced: boolean) {
    this.#case = one;
    this.#isTraced = isTraced;
    this.#streams = streamNames(one.setting.streams.length);
    this.channels = channelsOf(this.#streams);
  }

  async run(openGround: OpenGround): Promise<Outcome> {
    const { setting, actions } = this.#case;
    this.truth.isDistributed = setting.nodes > 1;
    this.#ground = await openGround({
      case: this.#case,
      truth: this.truth,
      channels: this.channels,
      streams: this.#streams,
      nodeEnded: (node) => this.#nodeEnded(node),
      trace: (line) => this.trace(line),
    });
    for (let client = 0; client < setting.clients; client++) this.#clients.push(new ModelClient(`c${client}`, this));
    for (const action of actions) {
      this.trace(() => `# ${JSON.stringify(action)}`);
      this.#step();
      await this.#do(action);
      if (this.#faults.length > 0) break;
    }
    if (this.#faults.length === 0) await this.#comeToRest();
    await this.#ground.stop();
    return { faults: this.#judge(), trace: this.#trace, counts: this.#counts() };
  }

  nowMs(): number {
    return this.#ground.nowMs();
  }

  excuse(asked: Omit<Asked, "excuse">, stream: string): string | undefined {
    return this.#ground.excuse(asked, stream);
  }

  isKept(stream: string): boolean {
    return this.#ground.isKept(stream);
  }

  trace(line: () => string): void {
    if (this.#isTraced) this.#trace.push(line());
  }

  fault(what: string): void {
    this.trace(() => `! ${what}`);
    this.#faults.push(what);
  }

  async #do(action: Action): Promise<void> {
    const { nodes } = this.#ground;
    const client = "client" in action ? this.#clients[action.client] : undefined;
    switch (action.does) {
      case "publish":
        return this.#publish(action.node, action.items);
      case "connect": {
        const node = nodes[action.node];
        if (node === undefined || client === undefined) return;
        // A tab that opens a second connection: the first one stays, and is not looked at any more.
        client.drop("unnoticed", 1);
        client.connect(node.accept, action.returns, action.asks);
        this.#places.push({ node: action.node, connection: client.connection! });
        return;
      }
      case "subscribe":
        return client?.subscribe(this.channels[action.channel]!, action.history);
      case "ask":
        return client?.ask(this.channels[action.channel]!, action.history);
      case "unsubscribe":
        return client?.unsubscribe(this.channels[action.channel]!);
      case "drop":
        return client?.drop(action.how, action.share);
      case "stall":
        if (client?.connection !== undefined) client.connection.isStalled = true;
        return;
      case "drain":
        return client?.connection?.drain();
      case "flow":
        if (client?.connection !== undefined) flow(client.connection);
        return;
      case "lag":
        if (client?.connection !== undefined) client.connection.isLagging = true;
        return;
      case "read":
        return client?.connection?.catchUp();
      case "pass":
        return this.#ground.pass(action.ms, this.#step);
      case "rest":
        if (action.until === "settled") return this.#ground.settle(this.#step);
        if (action.until === "turn") return turn();
        return;
      default:
        return this.#ground.disturb(action);
    }
  }

  #publish(at: number, items: readonly PublicationPlan[]): void {
    const node = this.#ground.nodes[at];
    if (node === undefined) return;
    const started: Published[] = [];
    const batch = this.truth.count;
    const body = items.map(({ stream: index, isLarge, isTransient, excludes }) => {
      const stream = this.#streams[index]!;
      const excludeSid = excludes === undefined ? undefined : this.#clients[excludes]?.sid;
      const published = this.truth.started({ stream, batch, isTransient, excludeSid, nowMs: this.nowMs() });
      started.push(published);
      const data = { n: published.number, ...(isLarge && { pad: PADDING }) };
      return { stream, data: JSON.stringify(data), meta: { exclude_socket: excludeSid, transient: isTransient } };
    });
    const taken = (): void => {
      for (const published of started) this.truth.acknowledged(published);
      this.trace(() => `acknowledged ${started.map(({ number, stream }) => `${number} of ${stream}`).join(", ")}`);
    };
    const refused = (error: unknown): void => {
      this.truth.isDisturbed = true;
      this.trace(() => `refused ${started.map(({ number }) => number).join(", ")}: ${String(error)}`);
    };
    try {
      const pending = node.publish(JSON.stringify(body.length === 1 ? body[0] : body));
      if (pending === undefined) taken();
      // What is not a promise, but not nothing either, would be waited for.
      else if (!(pending instanceof Promise)) this.fault("publishing answers neither at once nor later");
      else {
        this.#unanswered++;
        void pending.then(taken, refused).finally(() => this.#unanswered--);
      }
    } catch (error) {
      refused(error);
    }
  }

  #nodeEnded(node: number): void {
    for (const place of this.#places) {
      if (place.node !== node) continue;
      place.connection.abandon(1);
      place.connection.end(1006, false);
    }
    this.#clients.forEach((client) => {
      if (client.connection?.isOver === true) client.closed(1006);
    });
  }

  async #comeToRest(): Promise<void> {
    this.trace(() => "# the end");
    for (const { connection } of this.#places) flow(connection);
    for (const client of this.#clients) client.connection?.catchUp();
    await this.#ground.mend(this.#step, () => this.#isWhole());
    for (const client of this.#clients) client.rest();
  }

  #isWhole(): boolean {
    return this.#unanswered === 0 && this.#clients.every((client) => client.isWhole);
  }

  /** Moves what is on the wire. Returns whether there was anything. */
  readonly #step = (): boolean => {
    let isMoved = false;
    for (const { connection } of this.#places) if (connection.step()) isMoved = true;
    return isMoved;
  };

  #judge(): readonly string[] {
    const faults = [...this.#faults, ...this.truth.faults];
    for (const { views } of this.#clients) {
      for (const view of views) {
        const fault = faultOf(view, this.truth);
        if (fault !== undefined) faults.push(`${view.name} ${view.stream} (${view.sid}): ${fault}`);
      }
    }
    return faults;
  }

  #counts(): Counts {
    const events = this.#clients.flatMap(({ views }) => views.flatMap((view) => view.events));
    const ofKind = (kind: string): number => events.filter((event) => event.kind === kind).length;
    return {
      messages: ofKind("message") + ofKind("transient"),
      confirmed: ofKind("confirmed"),
      rejected: ofKind("rejected"),
      restarts: this.truth.restarts,
    };
  }
}

function flow(connection: NonNullable<ModelClient["connection"]>): void {
  connection.isStalled = false;
  connection.drain();
}

export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
