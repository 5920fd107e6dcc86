import { CableError } from "../errors.ts";

/** Hears what is wrong with a configuration. It may throw, which ends the reading, or return, to hear about the rest too. */
export type Fail = (fault: CableError) => void;

/** For a start: the first fault ends it. */
export const endAtFirst: Fail = (fault) => {
  throw fault;
};

/** Runs a step; what it throws as a CableError goes to `fail`. */
export function attempt<T>(step: () => T, fail: Fail): T | undefined {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof CableError)) throw error;
    fail(error);
    return undefined;
  }
}
