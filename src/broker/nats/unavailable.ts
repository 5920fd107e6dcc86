import { CableError, messageOf } from "../../errors.ts";

/** There is no connection: nothing was sent. */
export class NatsAway extends Error {}

/** For those who asked the store. */
export function brokerUnavailable(what: string, error: unknown): CableError {
  return new CableError("broker.unavailable", `NATS can't be asked for ${what} now: ${why(error)}.`, { cause: error });
}

export function notStored(error: unknown): CableError {
  const doubt = error instanceof NatsAway ? "" : ", though it may have got it";
  return new CableError("publication.unavailable", `NATS does not store the publication now${doubt}: ${why(error)}. Try again.`, {
    cause: error,
  });
}

function why(error: unknown): string {
  return error instanceof Error && error.name === "TimeoutError" ? "it did not answer in time" : messageOf(error);
}
