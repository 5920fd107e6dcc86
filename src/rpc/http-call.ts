import type { ClientRequest, IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { CableError, messageOf } from "../errors.ts";
import type { CallSignal } from "../internal/cancellation.ts";
import { networkError, statusError } from "./http-errors.ts";

/** What a call is made from. */
export interface HttpCallOptions<Answer> {
  /** Makes the request; its connection is a kept one, if there is any. */
  readonly request: () => ClientRequest;
  /** Lets go of the connections that are kept, so that the next request gets a new one. */
  readonly dropIdle: () => void;
  /** Shared by the calls of a controller: those that are running. */
  readonly running: Set<RunningHttpCall>;
  readonly signal: CallSignal;
  readonly body: Buffer;
  readonly maxReceiveBytes: number;
  /** To be shown in errors. */
  readonly url: string;
  /** Turns the answer's body into the answer, or throws a CableError. */
  readonly read: (body: Buffer) => Answer;
  /** The network did its part, or didn't: `undefined` = an answer came, whatever it says. */
  readonly onOutcome: (failure: CableError | undefined) => void;
}

export interface RunningHttpCall {
  /** Ends the call, and tells the caller so. */
  fail(error: CableError): void;
}

/** Of an answer that is an error, no more than this is read. */
const MAX_ERROR_BYTES = 16 * 1024;

/** What a connection that the server has closed shows when it is written to or read from. */
const closedByServer: ReadonlySet<string | undefined> = new Set(["ECONNRESET", "EPIPE"]);

/**
 * One POST, one answer.
 *
 * A kept connection may be closed by the server at the very moment at which we use it again; the request then dies without a byte of an
 * answer, and is made once more on a new connection. The server may have begun to work on it, if it was not closing an idle connection
 * but dying: then the application sees the call twice, as it does when the call is tried again after any broken connection (see
 * retry.ts). On a connection that was made for the call nothing is repeated here.
 */
export function httpCall<Answer>(options: HttpCallOptions<Answer>): Promise<Answer> {
  return new Promise((resolve, reject) => new HttpCall(options, resolve, reject).start());
}

class HttpCall<Answer> implements RunningHttpCall {
  private readonly options: HttpCallOptions<Answer>;
  private readonly resolve: (answer: Answer) => void;
  private readonly reject: (error: unknown) => void;
  private request!: ClientRequest;
  private socket: Socket | undefined;
  /** What the connection had received before this request. */
  private bytesBefore = 0;
  private isRepeated = false;
  private isOver = false;

  constructor(options: HttpCallOptions<Answer>, resolve: (answer: Answer) => void, reject: (error: unknown) => void) {
    this.options = options;
    this.resolve = resolve;
    this.reject = reject;
  }

  start(): void {
    const { running, signal } = this.options;
    running.add(this);
    signal.addEventListener("abort", this);
    this.send();
  }

  /** The signal fired. */
  handleEvent(): void {
    const isConnecting = this.socket === undefined || this.socket.connecting;
    const why = isConnecting ? `no connection to ${this.options.url} yet` : `no answer from ${this.options.url} yet`;
    this.fail(new CableError("rpc.canceled", `the call was given up: ${why}`));
  }

  fail(error: CableError): void {
    if (this.isOver) return;
    this.end();
    this.request.destroy();
    this.reject(error);
  }

  private send(): void {
    try {
      this.request = this.options.request();
    } catch (error) {
      this.end();
      this.reject(new CableError("rpc.failed", `the call can't be sent: ${messageOf(error)}`, { cause: error }));
      return;
    }
    this.request.on("socket", (socket) => {
      this.socket = socket;
      this.bytesBefore = socket.bytesRead;
    });
    this.request.on("response", (response) => this.receive(response));
    this.request.on("error", (error) => this.broken(error));
    this.request.end(this.options.body);
  }

  private broken(error: NodeJS.ErrnoException): void {
    if (this.isOver) return;
    if (!this.isRepeated && this.request.reusedSocket && closedByServer.has(error.code) && this.socket?.bytesRead === this.bytesBefore) {
      this.isRepeated = true;
      this.options.dropIdle();
      this.send();
      return;
    }
    const failure = networkError(error, this.options.url);
    this.options.onOutcome(failure);
    this.end();
    this.reject(failure);
  }

  private receive(response: IncomingMessage): void {
    const { statusCode: status = 0, headers } = response;
    if (status === 200) this.receiveAnswer(response);
    else this.receiveError(response, (body) => statusError({ status, headers, body }, this.options.url));
  }

  private receiveAnswer(response: IncomingMessage): void {
    const { maxReceiveBytes } = this.options;
    const chunks: Buffer[] = [];
    let length = 0;
    response.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length > maxReceiveBytes) this.refused(tooLarge(maxReceiveBytes));
    });
    response.on("end", () => this.answered(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
    response.on("error", (error) => {
      // The application has done its work: to ask again would only have it done twice.
      this.refused(new CableError("rpc.invalid_answer", `the application's answer was cut short: ${messageOf(error)}`, { cause: error }));
    });
    const { "content-length": announced, "content-encoding": encoding = "identity" } = response.headers;
    if (Number(announced) > maxReceiveBytes) this.refused(tooLarge(maxReceiveBytes));
    if (encoding !== "identity") {
      this.refused(
        new CableError("rpc.invalid_answer", `the application's answer is compressed (${encoding}), and we did not ask for that`),
      );
    }
  }

  /** A status that is no answer. Its text is read for the error, as far as it comes. */
  private receiveError(response: IncomingMessage, errorOf: (body: Buffer) => CableError): void {
    const chunks: Buffer[] = [];
    let length = 0;
    const refuse = (): void => this.refused(errorOf(Buffer.concat(chunks)));
    response.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length > MAX_ERROR_BYTES) refuse();
    });
    response.on("end", () => {
      if (this.isOver) return;
      this.options.onOutcome(undefined);
      this.end();
      this.reject(errorOf(Buffer.concat(chunks)));
    });
    response.on("error", refuse);
  }

  private answered(body: Buffer): void {
    if (this.isOver) return;
    this.options.onOutcome(undefined);
    this.end();
    try {
      this.resolve(this.options.read(body));
    } catch (error) {
      this.reject(error);
    }
  }

  /** The server was there, but what it sends is no answer; the rest of it is not waited for. */
  private refused(error: CableError): void {
    if (this.isOver) return;
    this.options.onOutcome(undefined);
    this.fail(error);
  }

  private end(): void {
    this.isOver = true;
    this.options.running.delete(this);
    this.options.signal.removeEventListener("abort", this);
  }
}

function tooLarge(limit: number): CableError {
  return new CableError("rpc.invalid_answer", `the application's answer is over ${limit} bytes; the limit is rpc_max_call_recv_size`);
}
