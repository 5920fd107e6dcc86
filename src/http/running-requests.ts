import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** Requests that have no answer yet. Counted per socket, because Node drops the answers of a pipeline without a word when its client goes. */
export class RunningRequests {
  readonly #ofSocket = new Map<Socket, number>();
  #total = 0;
  #onNone: (() => void) | undefined;
  // One function each for all requests and sockets; Node passes the emitter as `this`.
  readonly #answered: (this: ServerResponse) => void;
  readonly #gone: (this: Socket) => void;

  constructor() {
    const running = this;
    this.#answered = function () {
      running.#answer(this.req.socket);
    };
    this.#gone = function () {
      running.#forget(this);
    };
  }

  add(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const before = this.#ofSocket.get(socket);
    if (before === undefined) socket.once("close", this.#gone);
    this.#ofSocket.set(socket, (before ?? 0) + 1);
    this.#total++;
    response.once("close", this.#answered);
  }

  /** Resolves when none is left, or at `deadline`. */
  async ended(deadline: AbortSignal): Promise<void> {
    if (this.#total === 0 || deadline.aborted) return;
    await new Promise<void>((resolve) => {
      this.#onNone = resolve;
      deadline.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  #answer(socket: Socket): void {
    const before = this.#ofSocket.get(socket);
    if (before === undefined) return;
    this.#ofSocket.set(socket, before - 1);
    this.#subtract(1);
  }

  #forget(socket: Socket): void {
    this.#subtract(this.#ofSocket.get(socket) ?? 0);
    this.#ofSocket.delete(socket);
  }

  #subtract(count: number): void {
    this.#total -= count;
    if (this.#total === 0) this.#onNone?.();
  }
}
