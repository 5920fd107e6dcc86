import { coreBusyMs, cpuMsOf } from "../usage.ts";

/** Whom to measure, and the cores whose other users are watched. */
export interface Metered {
  readonly serverPid: number;
  readonly serverCore?: number;
  readonly loadCore?: number;
}

// A type, not an interface: it is a set of Figures.
export type Usage = {
  readonly wallMs: number;
  readonly serverCpuMs: number;
  /** Of one core. */
  readonly serverPercent: number;
  /**
   * How busy the generator was: its CPU, or the share of the time in which its event loop was not waiting (that counts what others took from
   * it), whichever is more. Near 100 it may be the generator that limits a figure.
   */
  readonly loadPercent: number;
  /** What anybody else used of the server's core. 0 where that can't be told. */
  readonly otherPercent: number;
  /** The same, of the server's or of the generator's core, whichever is more. */
  readonly othersPercent: number;
};

/** Measures what server, generator and everybody else use between its making and `stop`. */
export class Meter {
  readonly #metered: Metered;
  readonly #startMs = performance.now();
  readonly #loop = performance.eventLoopUtilization();
  readonly #ownCpu = process.cpuUsage();
  readonly #serverCpuMs: number;
  readonly #serverCoreMs: number;
  readonly #loadCoreMs: number;

  constructor(metered: Metered) {
    this.#metered = metered;
    this.#serverCpuMs = cpuMsOf(metered.serverPid);
    this.#serverCoreMs = busyMs(metered.serverCore);
    this.#loadCoreMs = busyMs(metered.loadCore);
  }

  stop(): Usage {
    const { serverPid, serverCore, loadCore } = this.#metered;
    const wallMs = performance.now() - this.#startMs;
    const serverCpuMs = cpuMsOf(serverPid) - this.#serverCpuMs;
    const own = process.cpuUsage(this.#ownCpu);
    const loadCpuMs = (own.user + own.system) / 1_000;
    const percent = (ms: number): number => Math.max(0, (100 * ms) / wallMs);
    const otherPercent = serverCore === undefined ? 0 : percent(busyMs(serverCore) - this.#serverCoreMs - serverCpuMs);
    const otherLoadPercent = loadCore === undefined ? 0 : percent(busyMs(loadCore) - this.#loadCoreMs - loadCpuMs);
    return {
      wallMs,
      serverCpuMs,
      serverPercent: percent(serverCpuMs),
      loadPercent: Math.max(percent(loadCpuMs), 100 * performance.eventLoopUtilization(this.#loop).utilization),
      otherPercent,
      othersPercent: Math.max(otherPercent, otherLoadPercent),
    };
  }
}

function busyMs(core: number | undefined): number {
  return core === undefined ? 0 : (coreBusyMs(core) ?? 0);
}
