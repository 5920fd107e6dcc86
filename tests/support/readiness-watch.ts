import { setTimeout as pause } from "node:timers/promises";
import { eventually } from "./eventually.ts";
import type { Ropeway } from "./ropeway.ts";

/** What a readiness page said, from one moment (of `performance.now()`) on. */
export interface ReadinessReading {
  readonly atMs: number;
  readonly http: number;
  readonly status: string;
  /** By name, why it is not ok. */
  readonly away: Readonly<Record<string, string>>;
}

interface Page {
  readonly status: string;
  readonly parts: Readonly<Record<string, { readonly ok: boolean; readonly detail?: string }>>;
}

/** Looks at the readiness page of a node all the time, and keeps each change. */
export class ReadinessWatch {
  readonly readings: ReadinessReading[] = [];
  #isRunning = true;

  constructor(node: () => Ropeway) {
    void this.#run(node);
  }

  /** Waits until this is what it says. */
  async says(status: string): Promise<void> {
    await eventually(() => this.readings.at(-1)?.status, 30_000).toBe(status);
  }

  /** Waits until it has said this, whatever it says now. */
  async said(status: string): Promise<void> {
    await eventually(() => this.statuses, 30_000).toContain(status);
  }

  /** Each status once, as they came. */
  get statuses(): string[] {
    return this.readings.map(({ status }) => status).filter((status, at, all) => status !== all[at - 1]);
  }

  /** Everything that was said to be wrong with a part. */
  problemsOf(part: string): string {
    return this.readings.flatMap(({ away }) => away[part] ?? []).join("\n");
  }

  end(): void {
    this.#isRunning = false;
  }

  async #run(node: () => Ropeway): Promise<void> {
    while (this.#isRunning) {
      const reading = await read(node()).catch(() => ({ http: 0, status: "gone", away: {} }));
      const last = this.readings.at(-1);
      const isSame = last?.status === reading.status && JSON.stringify(last.away) === JSON.stringify(reading.away);
      if (!isSame) this.readings.push({ atMs: performance.now(), ...reading });
      await pause(20);
    }
  }
}

async function read(node: Ropeway): Promise<Omit<ReadinessReading, "atMs">> {
  const response = await fetch(node.http("/ready"));
  const { status, parts } = (await response.json()) as Page;
  const away = Object.entries(parts).flatMap(([name, { ok, detail = "" }]) => (ok ? [] : [[name, detail] as const]));
  return { http: response.status, status, away: Object.fromEntries(away) };
}
