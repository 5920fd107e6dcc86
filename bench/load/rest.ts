import { cpuMsOf, rssBytesOf } from "../usage.ts";
import { pause } from "./clock.ts";

const QUIET_FOR_MS = 300;

/** Waits until the server has dealt with what went before: next to no CPU used for a while. */
export async function quiet(pid: number): Promise<void> {
  let usedMs = cpuMsOf(pid);
  for (;;) {
    await pause(QUIET_FOR_MS);
    const nowMs = cpuMsOf(pid);
    if (nowMs - usedMs <= 10) return;
    usedMs = nowMs;
  }
}

/** The server's memory once it has stayed within 1 % for 6 s: collectors give back what the connecting left behind when nothing happens. */
export async function settledRss(plan: { readonly serverPid: number; readonly settleMs: number }): Promise<number> {
  const endMs = performance.now() + plan.settleMs;
  let rest = rssBytesOf(plan.serverPid);
  let restSinceMs = performance.now();
  while (performance.now() < endMs && performance.now() - restSinceMs < 6_000) {
    await pause(500);
    const now = rssBytesOf(plan.serverPid);
    if (Math.abs(now - rest) <= rest / 100) continue;
    rest = now;
    restSinceMs = performance.now();
  }
  return rssBytesOf(plan.serverPid);
}
