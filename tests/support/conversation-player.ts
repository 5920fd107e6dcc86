import { once } from "node:events";
import { WebSocket } from "ws";
import type { Conversation, Step } from "./conversation.ts";
import type { Ropeway } from "./ropeway.ts";

export interface PlayOptions {
  /** What clients offer when they don't say. */
  readonly protocol: string;
  /** What names stand for from the beginning. */
  readonly known?: Readonly<Record<string, string>>;
  /** How long to wait for what is to come. Default: 8 s. */
  readonly patienceMs?: number;
}

/**
 * Plays a conversation against a server, and rejects at the first line that is not true. `<name>` in what is heard stands for anything
 * without quotes, commas and brackets, and wherever it comes again for the same.
 */
export async function play({ steps }: Conversation, ropeway: Ropeway, options: PlayOptions): Promise<void> {
  const stage = new Stage(ropeway, options);
  try {
    for (const step of steps) {
      try {
        await stage.take(step);
      } catch (error) {
        throw new Error(`${step.line}\n${error instanceof Error ? error.message : String(error)}`, { cause: error });
      }
    }
    await stage.nothingIsLeft();
  } finally {
    stage.end();
  }
}

class Stage {
  readonly #ropeway: Ropeway;
  readonly #protocol: string;
  readonly #patienceMs: number;
  readonly #known: Map<string, string>;
  readonly #clients = new Map<string, Client>();
  readonly #all: Client[] = [];

  constructor(ropeway: Ropeway, { protocol, known = {}, patienceMs = 8_000 }: PlayOptions) {
    this.#ropeway = ropeway;
    this.#protocol = protocol;
    this.#patienceMs = patienceMs;
    this.#known = new Map(Object.entries(known));
  }

  async take(step: Step): Promise<void> {
    switch (step.kind) {
      case "connect":
        return this.#connect(step);
      case "answered": {
        const { status, headers } = await this.#client(step.client).answer;
        same(status, step.status);
        for (const [name, value] of step.headers) same(headers[name.toLowerCase()], value);
        return;
      }
      case "sends":
        return this.#client(step.client).say(this.#fill(step.text));
      case "hears":
        return this.#match(await this.#client(step.client).next(step.text.includes('"type":"ping"')), step.text);
      case "hears nothing":
        return this.#client(step.client).hearsNothing();
      case "is closed": {
        const { code, reason, unread } = await this.#client(step.client).end();
        same(unread, "");
        same(`${code} ${reason}`, `${step.code} ${step.reason}`);
        return;
      }
      case "closes":
        return this.#client(step.client).socket.close(1000);
      case "breaks":
        return this.#client(step.client).socket.terminate();
      case "publish":
        return same(await this.#ropeway.publish(JSON.parse(this.#fill(step.body)) as unknown), 201);
      case "stop":
        void this.#ropeway.stop();
    }
  }

  /** Everything that was said was expected. */
  async nothingIsLeft(): Promise<void> {
    for (const client of this.#all) {
      if (client.socket.readyState === WebSocket.OPEN) await client.hearsNothing();
      else same(client.unread.join("\n"), "");
    }
  }

  end(): void {
    for (const { socket } of this.#all) socket.terminate();
  }

  async #connect({ client: name, path, headers }: Extract<Step, { readonly kind: "connect" }>): Promise<void> {
    const { protocols, others } = split(headers, this.#protocol);
    const filled = Object.fromEntries(others.map(([key, value]) => [key, this.#fill(value)]));
    const url = `ws://127.0.0.1:${this.#ropeway.port}${this.#fill(path)}`;
    const client = new Client(new WebSocket(url, protocols, { headers: filled }), this.#patienceMs);
    this.#clients.set(name, client);
    this.#all.push(client);
    await client.answer;
  }

  #client(name: string): Client {
    const client = this.#clients.get(name);
    if (client === undefined) throw new Error("this client has not connected");
    return client;
  }

  /** Puts in what is known. */
  #fill(text: string): string {
    return text.replaceAll(/<([a-z-]+)>/g, (whole, name: string) => this.#known.get(name) ?? whole);
  }

  #match(heard: string, expected: string): void {
    const names: string[] = [];
    const pattern = this.#fill(expected)
      .split(/(<[a-z-]+>)/)
      .map((part) => {
        const name = /^<([a-z-]+)>$/.exec(part)?.[1];
        if (name === undefined) return part.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`);
        return names.push(name) && String.raw`([^",}\]]+)`;
      })
      .join("");
    const found = new RegExp(`^${pattern}$`).exec(heard);
    if (found === null) throw new Error(`heard ${heard}`);
    for (const [at, name] of names.entries()) this.#known.set(name, found[at + 1]!);
  }
}

function split(headers: readonly (readonly [string, string])[], protocol: string): { protocols: string[]; others: [string, string][] } {
  const isOffer = ([name]: readonly [string, string]): boolean => name.toLowerCase() === "sec-websocket-protocol";
  const offer = headers.find(isOffer);
  const others = headers.filter((header) => !isOffer(header)).map(([name, value]): [string, string] => [name, value]);
  return { protocols: offer ? offer[1].split(/, */) : [protocol], others };
}

interface HttpAnswer {
  readonly status: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

const PING = '{"command":"ping"}';
const PONG = '{"type":"pong"}';

/** One connection; what it hears, byte for byte. */
class Client {
  readonly socket: WebSocket;
  readonly answer: Promise<HttpAnswer>;
  readonly unread: string[] = [];
  readonly #pings: string[] = [];
  readonly #ended: Promise<{ readonly code: number; readonly reason: string }>;
  readonly #patienceMs: number;
  #owedPongs = 0;
  #whenHeard: () => void = () => {};

  constructor(socket: WebSocket, patienceMs: number) {
    this.socket = socket;
    this.#patienceMs = patienceMs;
    this.answer = new Promise((resolve, reject) => {
      socket.on("open", () => {});
      socket.on("upgrade", ({ headers }) => resolve({ status: "101", headers }));
      socket.on("unexpected-response", (request, { statusCode, headers }) => {
        resolve({ status: String(statusCode), headers });
        request.destroy();
      });
      socket.on("error", reject);
    });
    this.answer.catch(() => {});
    this.#ended = once(socket, "close").then(([code, reason]) => ({ code: code as number, reason: String(reason) }));
    this.#ended.catch(() => {});
    socket.on("message", (data: Buffer) => {
      const text = data.toString();
      (text.startsWith('{"type":"ping"') ? this.#pings : this.unread).push(text);
      this.#whenHeard();
    });
  }

  say(text: string): void {
    if (text === PING) this.#owedPongs++;
    this.socket.send(text);
  }

  async next(isPing: boolean): Promise<string> {
    const from = isPing ? this.#pings : this.unread;
    if (from.length === 0) await this.#patiently(new Promise<void>((resolve) => (this.#whenHeard = () => from.length > 0 && resolve())));
    const text = from.shift()!;
    if (text === PONG) this.#owedPongs--;
    return text;
  }

  /** A pong comes after all that was caused before its ping. */
  async hearsNothing(): Promise<void> {
    if (this.#owedPongs > 0) throw new Error("a pong is still to come");
    this.say(PING);
    same(await this.next(false), PONG);
  }

  async end(): Promise<{ readonly code: number; readonly reason: string; readonly unread: string }> {
    const ended = await this.#patiently(this.#ended);
    return { ...ended, unread: this.unread.join("\n") };
  }

  async #patiently<T>(promise: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`nothing came for ${this.#patienceMs} ms`)), this.#patienceMs);
    });
    try {
      return await Promise.race([promise, tooLong]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function same(found: unknown, expected: unknown): void {
  if (found !== expected) throw new Error(`expected ${String(expected)}, but it was ${String(found)}`);
}
