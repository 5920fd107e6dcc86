import type { Clock, Timer } from "../../clock.ts";

/** When it is asked again, as parts of the time for which an answer is waited for. */
const againAfter = [0.1, 0.3, 0.7];

/**
 * Asks again while there is no answer, and settles as the first of the questions does. For what may be asked several times: while the servers
 * of a cluster choose a leader anew they drop questions without a word, so that whoever asks once and waits is told seconds too late.
 */
export function askAgain<Answer>(clock: Clock, timeoutMs: number, ask: () => Promise<Answer>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let timer: Timer | undefined;
    let isSettled = false;
    const settle = (act: () => void): void => {
      isSettled = true;
      timer?.cancel();
      act();
    };
    const askNow = (asked: number, afterMs: number): void => {
      ask().then(
        (answer) => settle(() => resolve(answer)),
        (error: unknown) => settle(() => reject(error as Error)),
      );
      const part = againAfter[asked];
      if (part === undefined || isSettled) return;
      const nextMs = part * timeoutMs;
      timer = clock.after(nextMs - afterMs, () => askNow(asked + 1, nextMs));
    };
    askNow(0, 0);
  });
}
