import type { StreamPosition } from "../../src/publications/publication.ts";
import type { Accept, Handshake } from "../../src/transports/transport.ts";
import type { AskPlan } from "./actions.ts";
import type { Channel } from "./channels.ts";
import { ModelConnection, type Peer } from "./connection.ts";
import type { Truth } from "./truth.ts";
import { faultOf, View, type Asked } from "./view.ts";

/** What a client knows of the world that it is in. */
export interface ClientWorld {
  readonly truth: Truth;
  readonly channels: readonly Channel[];
  nowMs(): number;
  /** Why a request for history could be refused now; undefined: no reason. */
  excuse(asked: Omit<Asked, "excuse">, stream: string): string | undefined;
  /** Publications of a stream that is not kept are as good as transient. */
  isKept(stream: string): boolean;
  trace(line: () => string): void;
  fault(what: string): void;
}

interface ModelSubscription {
  readonly channel: Channel;
  readonly views: ReadonlyMap<string, View>;
  isConfirmed: boolean;
  /** Messages of an earlier subscription to the same may still be on their way. */
  readonly isSecond: boolean;
  /** It was restored, and nothing was asked since. */
  isUnasked: boolean;
  /** Its first request came when the chance to ask may have been over. */
  mayBeLate: boolean;
}

type Awaited = { readonly subscription: ModelSubscription } & (
  | { readonly reply: "subscription" }
  | { readonly reply: "history"; readonly asked: Asked }
);

/** A restored client has a second after its answer to a ping for asking; and all that it says takes half a second. */
const CHANCE_MS = 1_000 - 500;
/** The same without an answer. */
const LONGEST_CHANCE_MS = 10_000 - 500;

/** An AnyCable client that keeps the positions of what it hears, on one connection after another; and its own witness. */
export class ModelClient implements Peer {
  readonly name: string;
  readonly views: View[] = [];
  sid: string | undefined;
  connection: ModelConnection | undefined;
  readonly #world: ClientWorld;
  /** Identifier and stream → the newest position heard. */
  readonly #positions = new Map<string, StreamPosition>();
  /** Second at which it last read something. */
  #readSecond: number;
  #subscriptions = new Map<string, ModelSubscription>();
  /** Replies that are to come, by identifier. */
  #awaited = new Map<string, Awaited[]>();
  #connectedAt = 0;
  #connectedMs = 0;
  #isReturning = false;
  #asksFor: AskPlan | undefined;
  #pongMs: number | undefined;
  #isWelcome = false;

  constructor(name: string, world: ClientWorld) {
    this.name = name;
    this.#world = world;
    this.#readSecond = Math.floor(world.nowMs() / 1_000);
  }

  get isConnected(): boolean {
    return this.connection !== undefined;
  }

  subscriptionTo(channel: Channel): boolean {
    return this.#subscriptions.has(channel.identifier);
  }

  /** @param asksFor what it asks for as soon as its session is restored; undefined: nothing */
  connect(accept: Accept, returns: boolean, asksFor: AskPlan | undefined): void {
    const { truth } = this.#world;
    const sid = returns ? this.sid : undefined;
    this.#connectedAt = truth.now();
    this.#connectedMs = this.#world.nowMs();
    this.#isReturning = sid !== undefined;
    this.#asksFor = asksFor;
    this.#pongMs = undefined;
    this.#isWelcome = false;
    // A session that others take over is not heard any more.
    const connection = new ModelConnection(this);
    this.connection = connection;
    this.#world.trace(() => `${this.name} connects${sid === undefined ? "" : ` as ${sid}`}`);
    connection.connect(accept, handshakeOf(sid));
  }

  subscribe(channel: Channel, plan: AskPlan | undefined): void {
    const { identifier } = channel;
    if (!this.#isWelcome || this.#subscriptions.has(identifier)) return;
    const isSecond = this.#awaited.has(identifier);
    const subscription = this.#subscription(
      channel,
      { beganAt: this.#world.truth.now(), beganMs: this.#world.nowMs(), isRestored: false },
      isSecond,
    );
    this.#awaits(identifier, { reply: "subscription", subscription });
    const history = plan && this.#request(subscription, plan);
    this.#say({ command: "subscribe", identifier, ...(history && { history }) });
  }

  ask(channel: Channel, plan: AskPlan): void {
    const subscription = this.#subscriptions.get(channel.identifier);
    if (subscription === undefined) return;
    this.#say({ command: "history", identifier: channel.identifier, history: this.#request(subscription, plan) });
  }

  unsubscribe(channel: Channel): void {
    if (!this.#subscriptions.delete(channel.identifier)) return;
    // Whoever subscribes again can't tell what is of which subscription, until it is confirmed.
    if (!this.#awaited.has(channel.identifier)) this.#awaited.set(channel.identifier, []);
    this.#say({ command: "unsubscribe", identifier: channel.identifier });
  }

  /** Goes away. The server notices at once, or when it speaks to the connection next. */
  drop(how: "clean" | "abrupt" | "unnoticed", share: number): void {
    const { connection } = this;
    if (connection === undefined) return;
    this.#world.trace(() => `${this.name} drops (${how})`);
    connection.abandon(share);
    this.#gone();
    if (how !== "unnoticed") connection.end(how === "clean" ? 1000 : 1006, how === "clean");
  }

  /** It has been told all that it is to be told. */
  get isWhole(): boolean {
    if (this.connection === undefined) return true;
    if ([...this.#awaited.values()].some(({ length }) => length > 0)) return false;
    const views = [...this.#subscriptions.values()].flatMap((subscription) => [...subscription.views.values()]);
    return views.every((view) => faultOf(view, this.#world.truth, true) === undefined);
  }

  /** Everything has come to rest: what was asked is answered, and what was published is here. */
  rest(): void {
    if (this.connection === undefined) return;
    for (const [identifier, awaited] of this.#awaited) {
      if (awaited.length > 0) this.#world.fault(`${this.name}: ${awaited[0]!.reply} of ${identifier} was never answered`);
    }
    for (const { views } of this.#subscriptions.values()) for (const view of views.values()) view.isQuiet = true;
  }

  // What the connection tells.

  read(text: string): void {
    const message = JSON.parse(text) as Message;
    this.#world.trace(() => `${this.name} ← ${text.slice(0, 200)}`);
    this.#readSecond = Math.floor(this.#world.nowMs() / 1_000);
    switch (message.type) {
      case "welcome":
        return this.#welcome(message);
      case "ping":
        return this.#say({ command: "pong" });
      case "disconnect":
        this.sid = undefined;
        return;
      case "confirm_subscription":
        return this.#confirmed(message.identifier!);
      case "confirm_history":
      case "reject_history":
        return this.#answered(message.identifier!, message.type === "confirm_history" ? "confirmed" : "rejected");
      case undefined:
        return this.#heard(message);
      default:
        this.#world.fault(`${this.name}: ${text} was not to be expected`);
    }
  }

  answeredPing(): void {
    this.#pongMs = this.#world.nowMs();
    this.#world.trace(() => `${this.name} answers a ping`);
  }

  closed(code: number): void {
    this.#world.trace(() => `${this.name} is closed (${code})`);
    this.#gone();
  }

  broke(why: string): void {
    this.#world.fault(`${this.name}: ${why}`);
  }

  #gone(): void {
    this.connection = undefined;
    this.#subscriptions = new Map();
    this.#awaited = new Map();
    this.#isWelcome = false;
  }

  #welcome({ sid, restored, restored_ids: restoredIds = [] }: Message): void {
    this.sid = sid!;
    this.#isWelcome = true;
    if (restored !== true) return;
    for (const identifier of restoredIds) {
      const channel = this.#world.channels.find((one) => one.identifier === identifier)!;
      const beginning = { beganAt: this.#connectedAt, beganMs: this.#connectedMs, isRestored: true };
      const subscription = this.#subscription(channel, beginning, false);
      this.#established(subscription);
      subscription.isUnasked = true;
      if (this.#asksFor !== undefined) this.ask(channel, this.#asksFor);
    }
  }

  #subscription(channel: Channel, beginning: View["beginning"], isSecond: boolean): ModelSubscription {
    const views = new Map(
      channel.streams.map((stream) => [stream, new View(stream, this.sid!, `${this.name} ${channel.identifier}`, beginning)]),
    );
    this.views.push(...views.values());
    const subscription = { channel, views, isConfirmed: false, isSecond, isUnasked: false, mayBeLate: false };
    this.#subscriptions.set(channel.identifier, subscription);
    return subscription;
  }

  #established(subscription: ModelSubscription): void {
    subscription.isConfirmed = true;
    const tick = this.#world.truth.now();
    for (const view of subscription.views.values()) view.establishedAt = tick;
  }

  #confirmed(identifier: string): void {
    const awaited = this.#awaited.get(identifier)?.shift();
    if (awaited?.reply !== "subscription") return this.#world.fault(`${this.name}: ${identifier} was confirmed out of turn`);
    this.#established(awaited.subscription);
  }

  #answered(identifier: string, kind: "confirmed" | "rejected"): void {
    const awaited = this.#awaited.get(identifier)?.shift();
    if (awaited?.reply !== "history") return this.#world.fault(`${this.name}: history of ${identifier} was ${kind} out of turn`);
    const { asked, subscription } = awaited;
    // It has unsubscribed, and does not look any more.
    if (this.#subscriptions.get(identifier) !== subscription) return;
    for (const view of subscription.views.values()) view.events.push({ kind, asked });
    if (kind === "confirmed" || asked.excuse !== undefined || subscription.mayBeLate) return;
    if (!subscription.channel.streams.some((stream) => this.#world.excuse(asked, stream) !== undefined)) {
      this.#world.fault(`${this.name}: history of ${identifier} was rejected without a reason`);
    }
  }

  #heard({ identifier, message, stream_id: stream, epoch, offset }: Message): void {
    const { truth } = this.#world;
    const subscription = this.#subscriptions.get(identifier!);
    if (subscription === undefined || (subscription.isSecond && !subscription.isConfirmed)) return;
    const published = truth.numbered(message!.n);
    const view = subscription.views.get(stream ?? published?.stream ?? "");
    if (published === undefined || view === undefined || view.stream !== published.stream) {
      return this.#world.fault(`${this.name}: publication ${message!.n} came to ${identifier}`);
    }
    if (stream === undefined) {
      if (!published.isTransient && this.#world.isKept(published.stream))
        this.#world.fault(`publication ${message!.n} came without a position`);
      view.events.push({ kind: "transient", published });
      return;
    }
    const position = { epoch: epoch!, offset: offset! };
    truth.stored(message!.n, stream, position, this.#world.nowMs());
    view.events.push({ kind: "message", published, position });
    this.#positions.set(`${identifier} ${stream}`, position);
  }

  #request(subscription: ModelSubscription, plan: AskPlan): object {
    const { truth } = this.#world;
    const nowMs = this.#world.nowMs();
    const positions = new Map<string, StreamPosition>();
    const { identifier, streams } = subscription.channel;
    for (const stream of streams) {
      const position = this.#positionFor(identifier, stream, plan);
      if (position !== undefined) positions.set(stream, position);
    }
    const since =
      plan.since === undefined ? 0 : Math.max(0, plan.since === "last read" ? this.#readSecond : Math.floor(nowMs / 1_000) + plan.since);
    const fields = { sentAt: truth.now(), sentMs: nowMs, since, positions, isReturning: this.#isReturning };
    if (subscription.isUnasked) {
      // Who asks for nothing lets the streams go on.
      const isOver =
        isEmpty(fields) || (this.#pongMs === undefined ? nowMs - this.#connectedMs > LONGEST_CHANCE_MS : nowMs - this.#pongMs > CHANCE_MS);
      subscription.mayBeLate ||= isOver;
      subscription.isUnasked = false;
    }
    const excuse = isEmpty(fields)
      ? "it asks for nothing"
      : streams.map((stream) => this.#world.excuse(fields, stream)).find((one) => one !== undefined);
    const asked: Asked = { ...fields, excuse };
    for (const view of subscription.views.values()) view.events.push({ kind: "asked", asked });
    this.#awaits(identifier, { reply: "history", subscription, asked });
    return { since, streams: Object.fromEntries(positions) };
  }

  #positionFor(identifier: string, stream: string, plan: AskPlan): StreamPosition | undefined {
    const honest = this.#positions.get(`${identifier} ${stream}`);
    const newest = this.#world.truth.entries(stream).at(-1)?.position;
    switch (plan.position) {
      case "honest":
        return honest;
      case "none":
        return undefined;
      case "one":
        return stream === this.#world.channels.find((one) => one.identifier === identifier)!.streams[0] ? honest : undefined;
      case "older":
        return honest && { ...honest, offset: Math.max(0, honest.offset - 2) };
      case "newest":
        return newest;
      case "beyond":
        return newest && { ...newest, offset: newest.offset + 1 };
      case "zero":
        return newest && { ...newest, offset: 0 };
      case "absurd":
        return { epoch: "absurd", offset: 2 ** 53 - 1 };
    }
  }

  #awaits(identifier: string, awaited: Awaited): void {
    const queue = this.#awaited.get(identifier);
    if (queue === undefined) this.#awaited.set(identifier, [awaited]);
    else queue.push(awaited);
  }

  #say(command: object): void {
    const text = JSON.stringify(command);
    this.#world.trace(() => `${this.name} → ${text.slice(0, 200)}`);
    this.connection?.say(text);
  }
}

/** What the server says, as far as it is looked at. */
interface Message {
  readonly type?: string;
  readonly identifier?: string;
  readonly message?: { readonly n: number };
  readonly stream_id?: string;
  readonly epoch?: string;
  readonly offset?: number;
  readonly sid?: string;
  readonly restored?: boolean;
  readonly restored_ids?: readonly string[];
}

function isEmpty({ since, positions }: Pick<Asked, "since" | "positions">): boolean {
  return since === 0 && positions.size === 0;
}

function handshakeOf(sid: string | undefined): Handshake {
  return {
    url: "http://cable.test/cable",
    param: (name) => (name === "sid" ? sid : undefined),
    firstParam: () => undefined,
    header: () => undefined,
    remoteAddress: "192.0.2.1",
    protocol: "actioncable-v1-ext-json",
  };
}
