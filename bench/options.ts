import { execFileSync } from "node:child_process";
import { parseArgs } from "node:util";

/** What the command line asks for. */
export interface BenchOptions {
  readonly help: boolean;
  readonly benches: readonly string[];
  /** Command of the server under test; absent: the built Ropeway. */
  readonly server: string | undefined;
  readonly peer: string | undefined;
  /** `dist/cli/main.js` of another checkout of ours. */
  readonly before: string | undefined;
  /** The Node binary that runs Ropeway and the baselines; the load generator stays with the one that runs the bench. */
  readonly node: string;
  /** Contenders to run, by role; absent: all there are. */
  readonly only: readonly string[] | undefined;
  readonly rounds: number;
  /** How often a run is repeated that others disturbed, by using more than 10 % of one of the cores. */
  readonly retries: number;
  /** Length of each measured part; absent: what the bench thinks right. */
  readonly measureMs: number | undefined;
  /** Upper limit of clients, what the open-files limit allows included. */
  readonly mostClients: number;
  readonly json: boolean;
  /** Where Ropeway's CPU profiles go; absent: none are made. */
  readonly profileFolder: string | undefined;
  /** Cores of server and load generator; absent: not pinned. */
  readonly cores: { readonly server: number; readonly load: number } | undefined;
  /** Scheduling priority (`nice`) of server and generator; 0 = as it is. */
  readonly nice: number;
}

export const USAGE = `node build/bench/main.js <bench>... | all | prices | self-check [options]

  --peer "<command>"     another server's command line, measured beside ours; AnyCable's options are appended, unless it
                         holds {port} (and {rpc_port}): then it is taken as it is. NAME=value in front sets the environment.
  --server "<command>"   the server under test, in the same form     (default: the built Ropeway, dist/cli/main.js)
  --before <file>        dist/cli/main.js of another checkout: that release beside ours
  --node <path>          Node binary for Ropeway and the baselines   (default: the one that runs this)
  --only <roles>         some of ours,before,baseline,peer           (default: all)
  --rounds <n>           runs of each, taken in turn; medians shown  (default: 3)
  --retries <n>          repeat a run, up to n times, while others use more than 10 % of one of the cores;
                         the least disturbed one counts              (default: 0)
  --seconds <n>          length of each measured part                (default: as the bench has it)
  --clients <n>          no more clients than this                   (default: the bench's number, within the open-files limit)
  --cores <a>,<b>        cores of server and load generator          (default: 0,1)
  --nice <n>             priority of both; negative ones need root   (default: 0)
  --cpu-prof <folder>    have Ropeway write a CPU profile per run
  --json                 everything measured, as JSON
  --help                 this
`;

// What a process opens besides its clients: publishers, the library files, pipes.
const SPARE_FILES = 400;

/** @throws {Error} with one line that says what is wrong. */
export function readOptions(args: readonly string[]): BenchOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      peer: { type: "string" },
      server: { type: "string" },
      before: { type: "string" },
      node: { type: "string", default: process.execPath },
      only: { type: "string" },
      rounds: { type: "string", default: "3" },
      retries: { type: "string", default: "0" },
      seconds: { type: "string" },
      clients: { type: "string" },
      cores: { type: "string", default: "0,1" },
      nice: { type: "string", default: "0" },
      "cpu-prof": { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const allowed = openFilesLimit() - SPARE_FILES;
  const [serverCore = 0, loadCore = 1] = values.cores.split(",").map((core) => wholeNumber("--cores", core, 0));
  return {
    help: values.help,
    benches: positionals,
    server: values.server,
    before: values.before,
    peer: values.peer,
    node: values.node,
    only: values.only?.split(","),
    rounds: wholeNumber("--rounds", values.rounds, 1),
    retries: wholeNumber("--retries", values.retries, 0),
    measureMs: values.seconds === undefined ? undefined : wholeNumber("--seconds", values.seconds, 1) * 1_000,
    mostClients: values.clients === undefined ? allowed : Math.min(allowed, wholeNumber("--clients", values.clients, 1)),
    json: values.json,
    profileFolder: values["cpu-prof"],
    cores: canPin() ? { server: serverCore, load: loadCore } : undefined,
    nice: wholeNumber("--nice", values.nice, -20),
  };
}

function wholeNumber(option: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least) throw new Error(`${option}: ${text} is not a whole number of at least ${least}`);
  return value;
}

function openFilesLimit(): number {
  if (process.platform === "win32") return 16_384;
  const text = execFileSync("sh", ["-c", "ulimit -Hn"], { encoding: "utf8" }).trim();
  return text === "unlimited" ? 1_048_576 : Number(text);
}

function canPin(): boolean {
  if (process.platform !== "linux") return false;
  try {
    execFileSync("taskset", ["--version"], { stdio: "ignore" });
    return Number(execFileSync("nproc", { encoding: "utf8" })) >= 2;
  } catch {
    return false;
  }
}
