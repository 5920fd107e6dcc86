import { CableError, type ErrorCode } from "../../src/errors.ts";
import type { CallSignal } from "../../src/internal/cancellation.ts";
import type { CommandAnswer, Controller } from "../../src/rpc/controller.ts";

/** A call that waits to be answered by the test. */
export interface PendingCall {
  readonly request: { readonly sid: string };
  readonly signal: CallSignal;
  answer(): void;
  fail(error: ErrorCode | CableError, message?: string): void;
}

/** A controller in whose place the test answers. Gives calls up as every controller does. */
export interface ScriptedController {
  readonly controller: Controller;
  /** All calls that came, in order. */
  readonly calls: readonly PendingCall[];
  /** Those without an answer. */
  readonly running: readonly PendingCall[];
}

/** What the application answers when it has nothing to say. */
export const acceptance: CommandAnswer = {
  status: "accepted",
  disconnect: false,
  stopAllStreams: false,
  stoppedStreams: [],
  streams: [],
  transmissions: [],
  cstate: new Map(),
  istate: new Map(),
  presence: undefined,
};

export function scriptedController(extra: Partial<Controller> = {}): ScriptedController {
  const calls: PendingCall[] = [];
  const running: PendingCall[] = [];

  function wait<Answer>(request: PendingCall["request"], signal: CallSignal, value: Answer): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        signal.removeEventListener("abort", giveUp);
        running.splice(running.indexOf(call), 1);
      };
      const giveUp = (): void => call.fail("rpc.canceled", "given up");
      const call: PendingCall = {
        request,
        signal,
        answer() {
          end();
          resolve(value);
        },
        fail(error, message) {
          end();
          reject(error instanceof CableError ? error : new CableError(error, message ?? error));
        },
      };
      calls.push(call);
      running.push(call);
      if (signal.aborted) giveUp();
      else signal.addEventListener("abort", giveUp);
    });
  }

  const controller: Controller = {
    needsEnv: true,
    connect: (request, signal) => wait(request, signal, { status: "rejected", transmissions: [] }),
    command: (request, signal) => wait(request, signal, acceptance),
    disconnect: (request, signal) => wait(request, signal, undefined),
    ...extra,
  };
  return { controller, calls, running };
}
