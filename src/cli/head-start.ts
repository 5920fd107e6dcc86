import type { Clock } from "../clock.ts";
import type { RemoteState, Service } from "../lifecycle.ts";

const mostWaitMs = 1_000;
const lookEveryMs = 10;

/**
 * Gives what readiness depends on a moment to be there before clients can come. They are waiting at the door of a server that was started
 * again, and who is let in without Redis loses the session to which it comes back. Without it we serve all the same, a second later.
 */
export function headStart(parts: readonly { state?(): RemoteState }[], clock: Clock): Service {
  const isThere = (): boolean => parts.every((part) => isOfUse(part.state?.()));
  return {
    name: "head start",
    async start() {
      // Nothing listens yet, and timers of the clock keep no process alive: without Redis ours would end here.
      const alive = setInterval(() => {}, mostWaitMs);
      const endsAtMs = clock.monotonicMs() + mostWaitMs;
      while (!isThere() && clock.monotonicMs() < endsAtMs) await new Promise<void>((resolve) => clock.after(lookEveryMs, resolve));
      clearInterval(alive);
    },
  };
}

function isOfUse(state: RemoteState | undefined): boolean {
  return state === undefined || state.isConnected || !state.isRequired;
}
