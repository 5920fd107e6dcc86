import { CableError, messageOf } from "../../errors.ts";

/** For those who asked the store. */
export function brokerUnavailable(what: string, error: unknown): CableError {
  return new CableError("broker.unavailable", `Redis can't be asked for ${what} now: ${messageOf(error)}.`, { cause: error });
}
