import { CableError } from "../errors.ts";

/** An application's error text is meant for people; a whole page of HTML is not. */
const MAX_ERROR_LENGTH = 1_000;

/** The application answered with status ERROR: the call itself went well. */
export class ApplicationError extends CableError {}

/**
 * What the number says in an answer's `status` (`Status` in `proto/rpc.proto`).
 * @throws {CableError} `rpc.failed` for ERROR (an ApplicationError), `rpc.invalid_answer` for a number that the contract doesn't know.
 */
export function readStatus(status: number, errorMsg: string): "accepted" | "rejected" {
  switch (status) {
    case 1:
      return "accepted";
    case 2:
      return "rejected";
    case 0: {
      const why = errorMsg === "" ? "it doesn't say why" : errorMsg.slice(0, MAX_ERROR_LENGTH);
      throw new ApplicationError("rpc.failed", `the application answered with an error: ${why}`);
    }
    default:
      throw new CableError("rpc.invalid_answer", `the application's answer has the unknown status ${status}`);
  }
}
