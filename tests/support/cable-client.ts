import { WebSocket, type ClientOptions } from "ws";

const PATIENCE_MS = 20_000;

/** A message of the server, parsed. Pings are left out unless asked for. */
export type Received = Record<string, unknown>;

/** A plain Action Cable client for tests: says what it is told, keeps what it hears, waits for nothing by the clock. */
export class CableClient {
  readonly socket: WebSocket;
  readonly #inbox: Received[] = [];
  readonly #pings: Received[] = [];
  readonly #waiting: { readonly from: "messages" | "pings"; readonly give: (message: Received) => void }[] = [];
  readonly ended: Promise<{ readonly code: number; readonly reason: string }>;

  constructor(url: string, options: ClientOptions & { readonly protocols?: readonly string[] } = {}) {
    const { protocols = ["actioncable-v1-json"], ...rest } = options;
    this.socket = new WebSocket(url, [...protocols], rest);
    this.ended = new Promise((resolve) => {
      this.socket.on("close", (code, reason) => resolve({ code, reason: reason.toString() }));
    });
    this.socket.on("error", () => {});
    this.socket.on("message", (data: Buffer) => this.#received(JSON.parse(data.toString()) as Received));
  }

  /** Connects and waits for the welcome. */
  static async connect(url: string, options?: ConstructorParameters<typeof CableClient>[1]): Promise<CableClient> {
    const client = new CableClient(url, options);
    const first = await client.next();
    if (first["type"] !== "welcome") throw new Error(`expected a welcome, heard ${JSON.stringify(first)}`);
    return client;
  }

  /** The next message that is not a ping. */
  next(): Promise<Received> {
    return this.#take("messages", this.#inbox);
  }

  nextPing(): Promise<Received> {
    return this.#take("pings", this.#pings);
  }

  /** What has been heard and not been taken by `next`. */
  get unread(): readonly Received[] {
    return this.#inbox;
  }

  say(command: Record<string, unknown>): void {
    this.socket.send(JSON.stringify(command));
  }

  /** Sends a ping and takes everything heard until its pong: what was caused before it has arrived by then. */
  async sync(): Promise<Received[]> {
    this.say({ command: "ping" });
    const heard: Received[] = [];
    for (;;) {
      const message = await this.next();
      if (message["type"] === "pong") return heard;
      heard.push(message);
    }
  }

  /** Subscribes and waits for the answer to it, which is returned. */
  async subscribe(identifier: string): Promise<Received> {
    this.say({ command: "subscribe", identifier });
    return this.next();
  }

  async close(): Promise<void> {
    if (this.socket.readyState === WebSocket.CLOSED) return;
    this.socket.close();
    await this.ended;
  }

  /** The connection just breaks. */
  async drop(): Promise<void> {
    // Not by `once`, which rejects when it breaks before it was established.
    const closed = new Promise((resolve) => this.socket.once("close", resolve));
    this.socket.terminate();
    if (this.socket.readyState !== WebSocket.CLOSED) await closed;
  }

  #received(message: Received): void {
    const from = message["type"] === "ping" ? "pings" : "messages";
    const at = this.#waiting.findIndex((waiting) => waiting.from === from);
    if (at === -1) (from === "pings" ? this.#pings : this.#inbox).push(message);
    else this.#waiting.splice(at, 1)[0]!.give(message);
  }

  #take(from: "messages" | "pings", store: Received[]): Promise<Received> {
    const ready = store.shift();
    if (ready) return Promise.resolve(ready);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(entry), 1);
        reject(new Error(`nothing heard for ${PATIENCE_MS} ms`));
      }, PATIENCE_MS);
      const entry = {
        from,
        give: (message: Received): void => {
          clearTimeout(timer);
          resolve(message);
        },
      };
      this.#waiting.push(entry);
      void this.ended.then(({ code, reason }) => {
        if (!this.#waiting.includes(entry)) return;
        clearTimeout(timer);
        reject(new Error(`closed with ${code} ${reason} while waiting for a message`));
      });
    });
  }
}

/** The identifier of a public stream. */
export function publicStream(name: string): string {
  return JSON.stringify({ channel: "$pubsub", stream_name: name });
}
