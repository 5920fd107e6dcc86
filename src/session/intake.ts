import { closings, type Closing } from "../close-codes.ts";
import { CableError, messageOf } from "../errors.ts";
import type { Meter } from "../limits/meter.ts";
import type { ClientCommand } from "../protocols/messages.ts";
import type { Payload } from "../protocols/protocol.ts";
import type { SessionContext } from "./context.ts";
import type { Encoding } from "./encoding.ts";

/** After so many malformed frames in a row the client is not speaking our language. */
const MOST_MALFORMED_IN_A_ROW = 20;

/** Whose messages they are. */
export interface IntakeOwner {
  readonly sid: string;
  readonly encoding: Encoding;
  /** A command that is to be carried out. */
  understood(command: ClientCommand, bytes: number): void;
  close(closing: Closing): void;
}

/** What a client sends, from the frame to the command: counted, held to its limits, and understood or not. */
export class Intake {
  readonly #context: Pick<SessionContext, "clock" | "logger" | "metrics">;
  readonly #owner: IntakeOwner;
  readonly #meter: Meter | undefined;
  #malformedInARow = 0;
  #faults = 0;

  /** @param meter what its rates are counted with; undefined = no limits */
  constructor(context: Pick<SessionContext, "clock" | "logger" | "metrics">, owner: IntakeOwner, meter: Meter | undefined) {
    this.#context = context;
    this.#owner = owner;
    this.#meter = meter;
  }

  take(payload: Payload): void {
    const { counters } = this.#context.metrics;
    const bytes = typeof payload === "string" ? Buffer.byteLength(payload) : payload.byteLength;
    counters.data_rcvd_total += bytes;
    if (this.#meter?.message(bytes, this.#context.clock.monotonicMs()) === false) {
      this.#rateLimited();
      return;
    }
    let command: ClientCommand;
    try {
      command = this.#owner.encoding.protocol.decode(payload);
    } catch (error) {
      this.#malformed(error);
      return;
    }
    this.#malformedInARow = 0;
    counters.client_msg_total++;
    // A pong has said all it has to say by being there.
    if (command.command === "pong") return;
    if (command.command === "whisper" && this.#meter?.whisper(this.#context.clock.monotonicMs()) === false) {
      // Nobody waits for a whisper to arrive, so one too many is no reason to part.
      counters.limited_whispers_total++;
      return;
    }
    this.#owner.understood(command, bytes);
  }

  /** Counts a fault of this client. True when it is worth a warning: the first one is, the rest would only fill the log. */
  fault(): boolean {
    return this.#faults++ === 0;
  }

  #rateLimited(): void {
    this.#context.metrics.counters.limited_clients_total++;
    this.#context.logger.info("session sent more than a rate limit allows", { sid: this.#owner.sid });
    this.#owner.close(closings.rateLimited);
  }

  #malformed(error: unknown): void {
    this.#context.metrics.counters.failed_client_msg_total++;
    this.#malformedInARow++;
    const fields = { sid: this.#owner.sid, code: error instanceof CableError ? error.code : undefined, error: messageOf(error) };
    if (this.fault()) this.#context.logger.warn("malformed message from a client", fields);
    else this.#context.logger.debug("malformed message from a client", fields);
    if (this.#malformedInARow >= MOST_MALFORMED_IN_A_ROW) this.#owner.close(closings.malformed);
  }
}
