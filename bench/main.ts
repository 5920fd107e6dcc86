/** `node build/bench/main.js <bench>... [options]`: measures Ropeway beside baselines and, if one is named, a peer. See bench/README.md. */
import type { Bench } from "./bench.ts";
import { fanOut } from "./cases/fan-out.ts";
import { growth } from "./cases/growth.ts";
import { keeping } from "./cases/keeping.ts";
import { keptMemory } from "./cases/kept-memory.ts";
import { memory } from "./cases/memory.ts";
import { prices } from "./prices/prices.ts";
import { resume } from "./cases/resume.ts";
import { rooms } from "./cases/rooms.ts";
import { rpc } from "./cases/rpc.ts";
import { saturated } from "./cases/saturated.ts";
import { storm } from "./cases/storm.ts";
import { type BenchOptions, readOptions, USAGE } from "./options.ts";
import { report } from "./report.ts";
import { runBench } from "./rounds.ts";
import { selfCheck } from "./self-check.ts";

const BENCHES: readonly Bench[] = [fanOut, saturated, rooms, growth, memory, storm, rpc, keeping, resume, keptMemory];

const say = (line: string): void => void process.stderr.write(`${line}\n`);

async function main(): Promise<number> {
  let options: BenchOptions;
  let chosen: readonly Bench[];
  try {
    options = readOptions(process.argv.slice(2));
    if (options.help) {
      process.stdout.write(USAGE);
      return 0;
    }
    if (options.benches[0] === "self-check") return (await selfCheck()) > 0 ? 1 : 0;
    chosen = choose(options.benches);
  } catch (error) {
    say(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return 2;
  }
  say(
    options.cores === undefined
      ? "note: server and load generator are not pinned to a core each (that takes Linux, taskset and two cores): figures are less steady"
      : `server on core ${options.cores.server}, load generator on core ${options.cores.load}; at most ${options.mostClients} clients`,
  );

  let failures = 0;
  const everything: unknown[] = [];
  for (const bench of chosen) {
    const results = await runBench(bench, options, say);
    failures += results.reduce((sum, result) => sum + result.failures.length, 0);
    if (options.json) {
      everything.push({ bench: bench.name, results: results.map((result) => ({ ...result, contender: result.contender.name })) });
    } else {
      process.stdout.write(`\n${report(bench, results, options.mostClients)}\n`);
    }
  }
  if (options.json) process.stdout.write(`${JSON.stringify(everything, null, 2)}\n`);
  if (failures > 0) say(`\n*** ${failures} RUN${failures > 1 ? "S" : ""} FAILED: see above ***`);
  return failures > 0 ? 1 : 0;
}

/** @throws {Error} on a name that no bench has. */
function choose(names: readonly string[]): readonly Bench[] {
  const named = (benches: readonly Bench[]): string => benches.map((bench) => bench.name).join(", ");
  const known = `${named(BENCHES)} (all); ${named(prices)} (prices); self-check`;
  if (names.length === 0) throw new Error(`which bench? ${known}`);
  return names.flatMap((name) => {
    if (name === "all") return BENCHES;
    if (name === "prices") return prices;
    const bench = [...BENCHES, ...prices].find((candidate) => candidate.name === name);
    if (bench === undefined) throw new Error(`no bench is called ${name}; there are ${known}`);
    return bench;
  });
}

main().then(
  (exitCode) => process.exit(exitCode),
  (error: unknown) => {
    say(error instanceof Error ? error.message : String(error));
    process.exit(1);
  },
);
