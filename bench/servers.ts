import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { Command } from "./contenders.ts";
import { pause } from "./load/clock.ts";
import type { LoadPlan, LoadResult } from "./load/plan.ts";
import { fileURLToPath } from "node:url";

const START_DEADLINE_MS = 20_000;
const STOP_DEADLINE_MS = 10_000;
const LOAD_GENERATOR = fileURLToPath(new URL("load/main.js", import.meta.url));

/** Where and how urgently a process runs. `core` absent: wherever the system puts it. */
export interface Placement {
  readonly core: number | undefined;
  readonly nice: number;
}

export interface RunningServer {
  readonly pid: number;
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));

/** Starts a server and waits until it listens on `port` of 127.0.0.1. @throws {Error} when it ends, or doesn't listen in time. */
export async function startServer(command: Command, placement: Placement, port: number): Promise<RunningServer> {
  const child = start(command, placement, ["ignore", "ignore", "inherit"]);
  const endMs = performance.now() + START_DEADLINE_MS;
  while (!(await isListening(port))) {
    if (child.exitCode !== null) throw new Error(`${command.program} ended with ${child.exitCode} before it listened`);
    if (performance.now() > endMs)
      throw new Error(`${command.program} does not listen on port ${port} after ${START_DEADLINE_MS / 1_000} s`);
    await pause(20);
  }
  return { pid: child.pid as number, stop: () => stop(child) };
}

/** Runs the load generator to its end. */
export function generateLoad(plan: LoadPlan, placement: Placement): Promise<LoadResult> {
  const command = { program: process.execPath, args: [LOAD_GENERATOR, JSON.stringify(plan)], env: {} };
  return resultOf(command, placement, plan.deadlineMs + 5_000);
}

/** Runs a program that prints one LoadResult; stops it, with a failure, after `deadlineMs`. */
export async function resultOf(command: Command, placement: Placement, deadlineMs: number): Promise<LoadResult> {
  const child = start(command, placement, ["ignore", "pipe", "inherit"]);
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (output += text));
  const timer = setTimeout(() => child.kill("SIGKILL"), deadlineMs);
  const [exitCode] = (await once(child, "close")) as [number | null];
  clearTimeout(timer);
  if (output === "") return { failure: `ended with ${exitCode ?? "a signal"} and said nothing` };
  return JSON.parse(output) as LoadResult;
}

/** A port that nothing listens on at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("the system gave no port");
  return address.port;
}

function start(command: Command, placement: Placement, stdio: ("ignore" | "inherit" | "pipe")[]): ChildProcess {
  // Both replace themselves by the program, so the pid is the program's own.
  const pinned = placement.core === undefined ? [] : ["taskset", "-c", String(placement.core)];
  const nice = placement.nice === 0 ? [] : ["nice", "-n", String(placement.nice)];
  const [program = command.program, ...args] = [...nice, ...pinned, command.program, ...command.args];
  const child = spawn(program, args, { stdio, env: { ...process.env, ...command.env } });
  running.add(child);
  child.once("exit", () => running.delete(child));
  child.once("error", (error) => {
    throw error;
  });
  return child;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_DEADLINE_MS);
  await ended;
  clearTimeout(timer);
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
