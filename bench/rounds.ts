import type { Bench, BenchCase, CaseResult } from "./bench.ts";
import { contenders, type Contender } from "./contenders.ts";
import { pause } from "./load/clock.ts";
import type { Figures, LoadResult } from "./load/plan.ts";
import type { BenchOptions } from "./options.ts";
import { startSink } from "./sink/start.ts";
import { startBackend } from "./rpc-backend/start.ts";
import { freePort, generateLoad, resultOf, type RunningServer, startServer } from "./servers.ts";
import { type RunningStore, startStore } from "./store.ts";
import { coreBusyMs } from "./usage.ts";

const BESIDES_MEASURING_MS = 90_000;
const CALM_PERCENT = 10;
const LONGEST_WAIT_FOR_CALM_MS = 15_000;

/**
 * Runs every case of a bench: all contenders one after another, then all again, so that what the machine does meanwhile hits them alike.
 * `progress` is told each run as it ends.
 */
export async function runBench(bench: Bench, options: BenchOptions, progress: (line: string) => void): Promise<readonly CaseResult[]> {
  const entrants = contenders(options, bench);
  const results: CaseResult[] = [];
  for (const benchCase of bench.cases(options)) {
    const gathered = entrants.map((contender) => ({ contender, rounds: [] as (Figures | undefined)[], failures: [] as string[] }));
    for (let round = 1; round <= options.rounds; round += 1) {
      for (const { contender, rounds, failures } of gathered) {
        const label = `${bench.name} · ${benchCase.name} · ${contender.name} · round ${round}`;
        const result = await measureCalmly(bench, benchCase, contender, options);
        if (result === undefined) {
          progress(`${label}: not possible with this command line`);
        } else if ("failure" in result) {
          rounds.push(undefined);
          failures.push(result.failure);
          progress(`${label}: FAILED: ${result.failure}`);
        } else {
          rounds.push(result.figures);
          const shown = bench.columns.flatMap(({ figure, header, digits, unit }) => {
            const value = result.figures[figure];
            return value === undefined ? [] : `${header} ${value.toFixed(digits)} ${unit}`.trimEnd();
          });
          progress(`${label}: ${shown.join(", ")}`);
        }
      }
    }
    results.push(...gathered.filter(({ rounds }) => rounds.length > 0).map((entry) => ({ case: benchCase.name, ...entry })));
  }
  return results;
}

/** Repeats a run while others use the cores, as often as the options allow; the least disturbed one counts. */
async function measureCalmly(
  bench: Bench,
  benchCase: BenchCase,
  contender: Contender,
  options: BenchOptions,
): Promise<LoadResult | undefined> {
  let best: LoadResult | undefined;
  for (let attempt = 0; attempt <= options.retries; attempt += 1) {
    if (options.retries > 0) await calm(options);
    const result = await measure(bench, benchCase, contender, options);
    if (result === undefined || "failure" in result) return result;
    if (best === undefined || disturbance(result) < disturbance(best)) best = result;
    if (disturbance(best) <= CALM_PERCENT) break;
  }
  return best;
}

function disturbance(result: LoadResult): number {
  return "figures" in result ? (result.figures["othersPercent"] ?? 0) : 0;
}

/** Waits for a second in which next to nothing happens on our cores; not for ever. */
async function calm({ cores }: BenchOptions): Promise<void> {
  if (cores === undefined) return;
  const busyMs = (): number => (coreBusyMs(cores.server) ?? 0) + (coreBusyMs(cores.load) ?? 0);
  const endMs = performance.now() + LONGEST_WAIT_FOR_CALM_MS;
  let usedMs = Infinity;
  while (usedMs > 10 * CALM_PERCENT && performance.now() < endMs) {
    const before = busyMs();
    await pause(1_000);
    usedMs = busyMs() - before;
  }
}

async function measure(bench: Bench, benchCase: BenchCase, contender: Contender, options: BenchOptions): Promise<LoadResult | undefined> {
  const serverPlace = { core: options.cores?.server, nice: options.nice };
  const loadPlace = { core: options.cores?.load, nice: options.nice };
  const port = await freePort();
  const sink = bench.needsSink === true ? await startSink(loadPlace) : undefined;
  const backend = bench.needsRpc ? await startBackend(loadPlace) : undefined;
  let store: RunningStore | undefined;
  let server: RunningServer | undefined;
  try {
    if (contender.store !== undefined) store = await startStore(contender.store, loadPlace);
    const command = contender.command({
      port,
      rpcPort: backend?.port,
      httpRpcPort: backend?.httpPort,
      sinkPort: sink?.port,
      storePort: store?.port,
    });
    if (command === undefined) return undefined;
    const plan = { ...benchCase.plan, ...contender.client, port, ...watched(bench, contender, options), deadlineMs: deadlineMs(benchCase) };
    if (bench.needsRpc && contender.role === "baseline") {
      // This baseline makes the calls itself and serves nobody.
      return await resultOf(
        { ...command, args: [...command.args, JSON.stringify({ ...plan, serverPid: 0 })] },
        serverPlace,
        plan.deadlineMs,
      );
    }
    server = await startServer(command, serverPlace, port);
    return await generateLoad({ ...plan, serverPid: server.pid }, loadPlace);
  } catch (error) {
    return { failure: String(error) };
  } finally {
    await server?.stop();
    await backend?.server.stop();
    await sink?.server.stop();
    await store?.stop();
  }
}

function watched(
  bench: Bench,
  contender: Contender,
  { cores }: BenchOptions,
): { readonly serverCore?: number; readonly loadCore?: number } {
  if (cores === undefined) return {};
  // What answers RPC calls, takes what is sent away, or keeps things, shares the generator's core.
  return bench.needsRpc || bench.needsSink === true || contender.store !== undefined
    ? { serverCore: cores.server }
    : { serverCore: cores.server, loadCore: cores.load };
}

function deadlineMs({ plan }: BenchCase): number {
  const measuringMs = "measureMs" in plan ? plan.warmUpMs + plan.measureMs : "settleMs" in plan ? 2 * plan.settleMs : 0;
  return BESIDES_MEASURING_MS + measuringMs;
}
