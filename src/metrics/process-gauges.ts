import { readFileSync } from "node:fs";
import { getHeapStatistics } from "node:v8";
import type { GaugeName } from "./definitions.ts";

/** How gauges are read, by name. */
export type Gauges = Partial<Record<GaugeName, () => number>>;

/** The gauges of this process that everybody gets. */
export function processGauges(): Gauges {
  return {
    mem_sys_bytes: () => process.memoryUsage.rss(),
    goroutines_num: () => process.getActiveResourcesInfo().length,
    event_loop_utilization: utilizationGauge(() => performance.eventLoopUtilization()),
  };
}

/** Those of ANYCABLE_MEMORY_METRICS=1. */
export function processMemoryGauges(): Gauges {
  return {
    heap_sys_bytes: () => getHeapStatistics().total_heap_size,
    heap_alloc_total: () => getHeapStatistics().used_heap_size,
    heap_idle_bytes: () => {
      const heap = getHeapStatistics();
      return Math.max(0, heap.total_heap_size - heap.used_heap_size);
    },
    heap_released_bytes: () => {
      const heap = getHeapStatistics();
      return Math.max(0, heap.total_heap_size - heap.total_physical_size);
    },
    stack_sys_bytes: mainStackBytes,
    buffers_bytes: () => process.memoryUsage().arrayBuffers,
  };
}

/** Milliseconds that the event loop was busy and idle since it began. */
export interface LoopTimes {
  readonly active: number;
  readonly idle: number;
}

/** Readings closer together than this give the same number: several exporters may ask at nearly the same time. */
const SHORTEST_WINDOW_MS = 1_000;

/** Turns times that only grow into the share that was busy since the reading before. The first reading is about the whole time so far. */
export function utilizationGauge(read: () => LoopTimes): () => number {
  let last: LoopTimes = { active: 0, idle: 0 };
  let share = 0;
  return () => {
    const now = read();
    const activeMs = now.active - last.active;
    const windowMs = activeMs + now.idle - last.idle;
    const isFirst = last.active + last.idle === 0;
    if (windowMs >= SHORTEST_WINDOW_MS || (isFirst && windowMs > 0)) {
      share = activeMs / windowMs;
      last = now;
    }
    return share;
  };
}

/** Linux tells it in KiB. */
function mainStackBytes(): number {
  try {
    return Number(/^VmStk:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "latin1"))?.[1] ?? 0) * 1_024;
  } catch {
    return 0;
  }
}
