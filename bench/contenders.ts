import { existsSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import type { Bench, ClientTraits, Store, Variant } from "./bench.ts";
import type { BenchOptions } from "./options.ts";

/** A program as the system is asked to start it. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Where a server shall listen, and what else there is on 127.0.0.1. */
export interface Ports {
  readonly port: number;
  /** The application, over gRPC and over HTTP; undefined when there is none. */
  readonly rpcPort: number | undefined;
  readonly httpRpcPort: number | undefined;
  /** Takes whatever a server sends away, over HTTP and UDP. */
  readonly sinkPort: number | undefined;
  /** Redis, or NATS, as the contender needs it. */
  readonly storePort: number | undefined;
}

export interface Contender {
  readonly name: string;
  readonly role: "ours" | "before" | "baseline" | "peer";
  /** What its clients have to do otherwise. */
  readonly client?: ClientTraits;
  readonly store?: Store;
  /** Undefined when it can't do this job. */
  command(ports: Ports): Command | undefined;
}

const OURS = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const script = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Who takes part: ours first, then what it was before, the bench's baselines, and the peer. @throws {Error} when there is nothing to measure. */
export function contenders(options: BenchOptions, { baselines = [], variants, peers }: Bench): readonly Contender[] {
  const wanted = (role: Contender["role"]): boolean => options.only?.includes(role) ?? true;
  const all: Contender[] = [];
  if (wanted("ours")) all.push(...(variants ?? [undefined]).map((variant) => ours(options, variant)));
  if (wanted("before") && options.before !== undefined)
    all.push(cableServer("before", [options.node, ...(variants?.[0].nodeFlags ?? []), options.before], variants?.[0]));
  if (wanted("baseline")) all.push(...baselines.map((name) => baseline(name, options)));
  if (wanted("peer") && options.peer !== undefined) {
    const words = split(options.peer);
    all.push(...(peers ?? (variants === undefined ? [undefined] : [])).map((variant) => cableServer("peer", words, variant)));
  }
  if (all.length === 0) throw new Error("nothing to measure: --only leaves nobody");
  return all;
}

function ours(options: BenchOptions, variant: Variant | undefined): Contender {
  if (options.server !== undefined) return cableServer("ours", split(options.server), variant);
  if (!existsSync(OURS))
    throw new Error(`${OURS} is missing: run \`npm run build\` first, name a server with --server, or leave ours out with --only`);
  const profiling = options.profileFolder === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${options.profileFolder}`];
  return {
    name: variant?.name ?? "ropeway",
    role: "ours",
    ...traits(variant),
    command: (ports) => ({
      program: options.node,
      args: [...profiling, ...(variant?.nodeFlags ?? []), OURS, ...cableFlags(ports, variant)],
      env: variant?.env?.(ports) ?? {},
    }),
  };
}

function baseline(name: string, options: BenchOptions): Contender {
  return {
    name,
    role: "baseline",
    command: ({ port, rpcPort }) => ({ program: options.node, args: baselineArguments(name, port, rpcPort), env: {} }),
  };
}

function baselineArguments(name: string, port: number, rpcPort: number | undefined): readonly string[] {
  switch (name) {
    case "bare loop":
    case "http + ws":
      return [script("baselines/bare-loop.js"), String(port)];
    case "bare run":
      return [script("baselines/bare-run.js"), String(port)];
    case "bare grpc-js":
      return [script("baselines/bare-rpc-client.js"), String(rpcPort)];
    default:
      throw new Error(`no baseline is called ${name}`);
  }
}

/** A server with AnyCable's options. */
function cableServer(role: Exclude<Contender["role"], "baseline">, words: readonly string[], variant?: Variant): Contender {
  const firstWord = words.findIndex((word) => !/^\w+=/.test(word));
  const [program, ...args] = words.slice(firstWord);
  if (firstWord < 0 || program === undefined) throw new Error(`no program in the command line ${JSON.stringify(words.join(" "))}`);
  // One core is all that it gets, so a Go server shall not start threads for more.
  const env = {
    GOMAXPROCS: "1",
    ...Object.fromEntries(words.slice(0, firstWord).map((word) => word.split(/=(.*)/s, 2) as [string, string])),
  };
  const isComplete = words.some((word) => word.includes("{port}"));
  return {
    name: nameOf(role, program, variant),
    role,
    ...traits(variant),
    command(ports) {
      if (!isComplete) return { program, args: [...args, ...cableFlags(ports, variant)], env: { ...env, ...variant?.env?.(ports) } };
      if ((ports.rpcPort !== undefined) !== words.some((word) => word.includes("{rpc_port}"))) return undefined;
      const filled = args.map((word) => word.replaceAll("{port}", String(ports.port)).replaceAll("{rpc_port}", String(ports.rpcPort)));
      return { program, args: filled, env };
    },
  };
}

function nameOf(role: Contender["role"], program: string, variant: Variant | undefined): string {
  if (role === "ours") return variant?.name ?? role;
  if (role !== "peer") return role;
  const name = basename(program) === "node" ? role : basename(program);
  return variant === undefined ? name : `${name}, ${variant.name}`;
}

function traits(variant: Variant | undefined): Pick<Contender, "client" | "store"> {
  return { ...(variant?.client && { client: variant.client }), ...(variant?.store && { store: variant.store }) };
}

function cableFlags(ports: Ports, variant: Variant | undefined): readonly string[] {
  const { port, rpcPort } = ports;
  const application = rpcPort === undefined ? ["--public", "--norpc"] : [`--rpc_host=127.0.0.1:${rpcPort}`];
  return [
    ...application,
    "--broadcast_adapter=http",
    "--host=127.0.0.1",
    `--port=${port}`,
    `--http_broadcast_port=${port}`,
    "--log_level=error",
    ...(variant?.flags?.(ports) ?? []),
  ];
}

/** Words of a command line; quotes keep spaces together. */
function split(commandLine: string): readonly string[] {
  return [...commandLine.matchAll(/(?:[^\s"']|"[^"]*"|'[^']*')+/g)].map(([word]) => word.replaceAll(/["']/g, ""));
}
