import { WebSocket } from "ws";
import { publicStream, type Received } from "./cable-client.ts";

/** What a NumberedPublisher says. */
export interface Numbered {
  readonly by: string;
  readonly number: number;
}

/** What a client heard of a stream, in order. */
export type Heard =
  | { readonly kind: "message"; readonly body: Numbered; readonly epoch: string; readonly offset: number }
  /** It was told that it may have missed something before this moment (of `performance.now()`). */
  | { readonly kind: "told"; readonly atMs: number };

/** What a client knows of a stream. */
export interface StreamView {
  readonly heard: Heard[];
  /** What was published from this moment on (of `performance.now()`) is for this client. Infinity: not confirmed yet. */
  fromMs: number;
  /** Where the last message stood. */
  position: { readonly epoch: string; readonly offset: number } | undefined;
  /** Whether it is subscribed, and has been told of what it missed. */
  isCaughtUp: boolean;
}

/** How it got in. */
export interface Arrival {
  readonly sid: string;
  readonly url: string;
  readonly isRestored: boolean;
  readonly atMs: number;
}

export interface ReturningClientOptions {
  /** Public streams that it hears. */
  readonly streams: readonly string[];
  /** Where to connect, asked each time. */
  readonly next: () => string;
  /** Present in all its streams as this. */
  readonly presence?: { readonly id: string };
  /** Silence after which it takes its connection for dead, as AnyCable's client does after two pings. Default: never. */
  readonly mostSilentMs?: number;
  /** How to subscribe to a stream. Default: to the public stream of that name. */
  readonly identifierOf?: (stream: string) => string;
  /** As a browser's page would say where it comes from. Default: it says nothing, as programs do. */
  readonly origin?: string;
  /** Before it tries again: 0 ≤ n < 1 times a quarter of a second. Default Math.random. */
  readonly random?: () => number;
}

const nowSecond = (): number => Math.floor(Date.now() / 1_000);

/**
 * Behaves as AnyCable's client for the extended protocol does (@anycable/core 1.1, action_cable_ext): comes back with its sid until it is
 * told `disconnect`, asks for what it missed by position (or by the time of the last ping where it has none), both with `history` after a
 * restore and with `subscribe` otherwise. It keeps all that it hears, and when it was told that something is missing.
 */
export class ReturningClient {
  readonly views: ReadonlyMap<string, StreamView>;
  readonly arrivals: Arrival[] = [];
  /** How its connections ended: `code reason`, of the disconnect message if there was one. */
  readonly endings: string[] = [];
  /** Presence events and answers, in order. */
  readonly presence: Received[] = [];
  /** Anything else. */
  readonly others: Received[] = [];
  readonly #options: ReturningClientOptions;
  /** By identifier. */
  readonly #streams: ReadonlyMap<string, string>;
  #socket: WebSocket | undefined;
  #sid: string | undefined;
  #since = nowSecond();
  #goodbye: string | undefined;
  #isStaying = true;
  #silence: NodeJS.Timeout | undefined;
  #onPong: () => void = () => {};

  constructor(options: ReturningClientOptions) {
    const { streams, identifierOf = publicStream } = options;
    this.#options = options;
    this.#streams = new Map(streams.map((stream) => [identifierOf(stream), stream]));
    this.views = new Map(streams.map((stream) => [stream, { heard: [], fromMs: Infinity, position: undefined, isCaughtUp: false }]));
    this.#connect();
  }

  /** Subscribed to everything, and told of all that it missed. */
  get isCaughtUp(): boolean {
    return this.#socket !== undefined && [...this.views.values()].every((view) => view.isCaughtUp);
  }

  /** How often it was told that something may be missing. */
  get timesTold(): number {
    return [...this.views.values()].flatMap(({ heard }) => heard.filter(({ kind }) => kind === "told")).length;
  }

  /** Streams of which something may be missing. */
  get toldOf(): string[] {
    return [...this.views].flatMap(([stream, { heard }]) => (heard.some(({ kind }) => kind === "told") ? [stream] : []));
  }

  /** Whether it was told at that moment (of `performance.now()`) or later that something of the stream may be missing. */
  wasToldSince(stream: string, atMs: number): boolean {
    return this.views.get(stream)!.heard.some((item) => item.kind === "told" && item.atMs >= atMs);
  }

  get sid(): string | undefined {
    return this.#sid;
  }

  say(command: Record<string, unknown>): void {
    this.#socket?.send(JSON.stringify(command));
  }

  /** How often it has heard a number of a publisher. */
  timesHeard({ stream, name }: { readonly stream: string; readonly name: string }, number: number): number {
    const heard = this.views.get(stream)?.heard ?? [];
    return heard.filter((item) => item.kind === "message" && item.body.by === name && item.body.number === number).length;
  }

  /** Resolves when everything is here that was sent before, and rejects if the connection ends first. */
  async sync(): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined) throw new Error("there is no connection");
    await new Promise<void>((resolve, reject) => {
      this.#onPong = resolve;
      socket.once("close", () => reject(new Error("the connection ended")));
      this.say({ command: "ping" });
    });
  }

  /** Its connection breaks, and it comes back. */
  drop(): void {
    this.#socket?.terminate();
  }

  /** Takes its connection for dead, without its end being told to anybody, and comes back. */
  abandon(): void {
    this.#lost(1006, "abandoned");
  }

  /** Goes for good. */
  async leave(): Promise<void> {
    this.#isStaying = false;
    clearTimeout(this.#silence);
    const socket = this.#socket;
    if (socket === undefined || socket.readyState === WebSocket.CLOSED) return;
    await new Promise<void>((resolve) => {
      socket.once("close", () => resolve());
      socket.close();
    });
  }

  #connect(): void {
    if (!this.#isStaying) return;
    const url = this.#options.next();
    const socket = new WebSocket(this.#sid === undefined ? url : `${url}?sid=${this.#sid}`, ["actioncable-v1-ext-json"], {
      origin: this.#options.origin,
    });
    this.#socket = socket;
    this.#goodbye = undefined;
    const ifCurrent =
      <Args extends unknown[]>(act: (...args: Args) => void) =>
      (...args: Args): void => {
        if (socket === this.#socket) act(...args);
      };
    socket.on("error", () => {});
    socket.on(
      "close",
      ifCurrent((code: number, reason: Buffer) => this.#lost(code, reason.toString())),
    );
    socket.on(
      "message",
      ifCurrent((data: Buffer) => this.#received(JSON.parse(data.toString()) as Received, url)),
    );
    this.#listenForSilence();
  }

  #lost(code: number, reason: string): void {
    this.endings.push(this.#goodbye ?? `${code} ${reason}`.trim());
    this.#socket = undefined;
    clearTimeout(this.#silence);
    for (const view of this.views.values()) view.isCaughtUp = false;
    const { random = Math.random } = this.#options;
    if (this.#isStaying) setTimeout(() => this.#connect(), 20 + random() * 250);
  }

  #listenForSilence(): void {
    clearTimeout(this.#silence);
    const { mostSilentMs } = this.#options;
    if (mostSilentMs !== undefined && this.#isStaying) this.#silence = setTimeout(() => this.abandon(), mostSilentMs);
  }

  #received(message: Received, url: string): void {
    this.#silence?.refresh();
    const { type, identifier } = message;
    const stream = this.#streams.get(String(identifier));
    switch (type) {
      case "ping":
        this.#since = nowSecond();
        return;
      case "welcome":
        return this.#welcome(message, url);
      case "disconnect":
        this.#sid = undefined;
        this.#goodbye = String(message["reason"]);
        if (message["reconnect"] === false) this.#isStaying = false;
        return;
      case "pong":
        return this.#onPong();
      case "presence":
        this.presence.push(message["message"] as Received);
        return;
      case "confirm_subscription":
        this.views.get(stream!)!.fromMs = Math.min(this.views.get(stream!)!.fromMs, performance.now());
        return;
      case "confirm_history":
        this.views.get(stream!)!.isCaughtUp = true;
        return;
      case "reject_history":
        this.views.get(stream!)!.heard.push({ kind: "told", atMs: performance.now() });
        this.views.get(stream!)!.isCaughtUp = true;
        return;
      default:
        if (stream === undefined || message["stream_id"] !== stream) this.others.push(message);
        else this.#heard(this.views.get(stream)!, message);
    }
  }

  #heard(view: StreamView, { message, epoch, offset }: Received): void {
    view.position = { epoch: String(epoch), offset: Number(offset) };
    view.heard.push({ kind: "message", body: message as Numbered, ...view.position });
  }

  #welcome(message: Received, url: string): void {
    const restored = new Set((message["restored_ids"] ?? []) as readonly string[]);
    this.#sid = String(message["sid"]);
    this.arrivals.push({ sid: this.#sid, url, isRestored: message["restored"] === true, atMs: performance.now() });
    for (const [identifier, stream] of this.#streams) {
      const { position } = this.views.get(stream)!;
      const history = { since: this.#since, streams: position === undefined ? {} : { [stream]: position } };
      const { presence } = this.#options;
      if (restored.has(identifier)) {
        this.say({ command: "history", identifier, history });
        if (presence !== undefined) this.say({ command: "join", identifier, presence });
      } else this.say({ command: "subscribe", identifier, history, ...(presence && { presence }) });
    }
  }
}
