import type { Clock, Timer } from "../../clock.ts";

/** For how long a cluster is waited for before it is asked once more, as parts of the time for which any answer is waited for. */
export const patience: readonly number[] = [0.1, 0.2, 0.4];

/**
 * Asks again while there is no answer, and settles as the first of the questions does. For what may be asked several times: while the servers
 * of a cluster choose a leader anew they drop questions without a word, so that whoever asks once and waits is told seconds too late.
 */
export function askAgain<Answer>(clock: Clock, timeoutMs: number, ask: () => Promise<Answer>): Promise<Answer> {
  let timer: Timer | undefined;
  const first = new Promise<Answer>((resolve, reject) => {
    const askNow = (asked: number): void => {
      ask().then(resolve, reject);
      const part = patience[asked];
      if (part !== undefined) timer = clock.after(part * timeoutMs, () => askNow(asked + 1));
    };
    askNow(0);
  });
  return first.finally(() => timer?.cancel());
}
