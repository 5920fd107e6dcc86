import type { Socket } from "node:net";
import { dial } from "./dial.ts";
import { fail } from "./failure.ts";
import type { Endpoint } from "./plan.ts";

/** One keep-alive HTTP connection that posts publications one after another, each after the answer to the one before. */
export class Publisher {
  readonly #endpoint: Endpoint;
  /** Absent before the first publication, and when the server has closed it while nothing was under way. */
  #socket: Socket | undefined;
  readonly #head: string;
  /** What each message has besides its number, as it stands in the JSON text of its JSON text. */
  readonly #filling: string;
  readonly #answered: (n: number) => void;
  /** Publications not answered yet; the first one is on its way. */
  readonly #waiting: { readonly n: number; readonly body: string }[] = [];
  #answer = "";

  /** `answered(n)` is called when the server has accepted publication n. */
  constructor(endpoint: Endpoint, filling: string, answered: (n: number) => void) {
    this.#answered = answered;
    this.#filling = filling === "" ? "" : `\\"text\\":\\"${filling}\\",`;
    this.#head = `POST /_broadcast HTTP/1.1\r\nHost: 127.0.0.1:${endpoint.port}\r\nContent-Type: application/json\r\nContent-Length: `;
    this.#endpoint = endpoint;
  }

  post(stream: string, n: number): void {
    this.#add(n, this.#publication(stream, n));
  }

  /** Several in one request, which is answered as its last one. */
  postBatch(stream: string, numbers: readonly number[]): void {
    this.#add(numbers.at(-1) ?? -1, `[${numbers.map((n) => this.#publication(stream, n)).join(",")}]`);
  }

  #publication(stream: string, n: number): string {
    return `{"stream":"${stream}","data":"{${this.#filling}\\"n\\":${n}}"}`;
  }

  #add(n: number, body: string): void {
    this.#waiting.push({ n, body });
    if (this.#waiting.length === 1) this.#send();
  }

  #send(): void {
    const next = this.#waiting[0];
    if (next === undefined) return;
    this.#socket ??= this.#connect();
    this.#socket.write(`${this.#head}${next.body.length}\r\n\r\n${next.body}`, "latin1");
  }

  #connect(): Socket {
    const socket = dial(this.#endpoint, (bytes, length) => this.#received(bytes.toString("latin1", 0, length)));
    const lost = (reason: string): void => {
      if (this.#waiting.length > 0) fail(`a publisher lost its connection: ${reason}`);
      this.#socket = undefined;
    };
    socket.on("error", (error) => lost(error.message));
    socket.on("end", () => lost("the server closed it instead of answering"));
    return socket;
  }

  #received(text: string): void {
    this.#answer += text;
    const size = answerSize(this.#answer);
    if (size === undefined || this.#answer.length < size) return;
    if (!this.#answer.startsWith("HTTP/1.1 201")) fail(`a publication was answered: ${this.#answer.slice(0, 300)}`);
    this.#answer = this.#answer.slice(size);
    const done = this.#waiting.shift();
    if (done === undefined) return fail("an answer to no publication");
    this.#send();
    this.#answered(done.n);
  }
}

/** Length of the whole answer at the beginning of `text`; undefined until that can be told. */
function answerSize(text: string): number | undefined {
  const headEnd = text.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const bodyAt = headEnd + 4;
  const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, bodyAt))?.[1];
  if (length !== undefined) return bodyAt + Number(length);
  const lastChunk = text.indexOf("0\r\n\r\n", bodyAt);
  return lastChunk < 0 ? undefined : lastChunk + 5;
}
