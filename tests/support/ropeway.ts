import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { vi } from "vitest";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

// Whatever happens to the tests, no server outlives them.
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export type LogLine = Readonly<Record<string, unknown>> & { readonly msg: string };

/** A Ropeway process of the built package, as an operator would start it. */
export class Ropeway {
  readonly process: ChildProcess;
  readonly log: LogLine[] = [];
  /** Output that is no log line: help, errors of the configuration. */
  readonly output: string[] = [];
  readonly exited: Promise<number | null>;
  readonly #waiting = new Set<() => void>();

  constructor(flags: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const { PATH = "" } = process.env;
    this.process = spawn(process.execPath, [MAIN, ...flags], { env: { PATH, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    running.add(this.process);
    this.process.once("exit", () => running.delete(this.process));
    for (const stream of [this.process.stdout!, this.process.stderr!]) {
      createInterface(stream).on("line", (line) => {
        if (line.startsWith("{")) this.log.push(JSON.parse(line) as LogLine);
        else this.output.push(line);
        for (const check of this.#waiting) check();
      });
    }
    this.exited = once(this.process, "close").then(([code]) => code as number | null);
  }

  /** Waits for a log line. */
  logged(message: string | RegExp, where: (line: LogLine) => boolean = () => true): Promise<LogLine> {
    const find = (): LogLine | undefined =>
      this.log.find((line) => (typeof message === "string" ? line.msg === message : message.test(line.msg)) && where(line));
    return new Promise((resolve, reject) => {
      const check = (): void => {
        const line = find();
        if (!line) return;
        this.#waiting.delete(check);
        resolve(line);
      };
      this.#waiting.add(check);
      check();
      void this.exited.then((code) => {
        if (this.#waiting.delete(check)) reject(new Error(`exited with ${code} before logging ${message}: ${this.output.join("\n")}`));
      });
    });
  }

  /** Port of the main listener. */
  get port(): number {
    const line = this.log.find(({ msg }) => msg.startsWith("Handle WebSocket connections at"));
    return Number(new URL(/http\S+/.exec(line?.msg ?? "")![0]).port);
  }

  get cable(): string {
    return `ws://127.0.0.1:${this.port}/cable`;
  }

  http(path: string): string {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  /** Publishes over HTTP on the main port; resolves to the status. Needs the flags of `startRopeway`. */
  async publish(body: unknown): Promise<number> {
    const headers = { authorization: `Bearer ${BROADCAST_KEY}` };
    const response = await fetch(this.http("/_broadcast"), { method: "POST", headers, body: JSON.stringify(body) });
    await response.arrayBuffer();
    return response.status;
  }

  /** The value of a metric; 0 when it is absent. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(this.http("/metrics"))).text();
    return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, "m").exec(text)?.[1] ?? 0);
  }

  /** Waits until all its parts are there: Redis, NATS and the application are connected to. */
  async becomesReady(): Promise<void> {
    await vi.waitFor(async () => {
      const { status } = (await (await fetch(this.http("/ready"))).json()) as { readonly status: string };
      if (status !== "ready") throw new Error(`readiness is ${status}`);
    }, 30_000);
  }

  /** Waits until a metric has a value. */
  async metricBecomes(name: string, value: number): Promise<void> {
    await vi.waitFor(async () => {
      const current = await this.metric(name);
      if (current !== value) throw new Error(`${name} is ${current}, not ${value}`);
    }, 20_000);
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    if (this.process.exitCode === null && this.process.signalCode === null) this.process.kill(signal);
    return this.exited;
  }
}

const BROADCAST_KEY = "test-broadcast-key";

/** Starts Ropeway on free ports and waits until it listens. HTTP broadcasts come to the main port, protected by a key. */
export async function startRopeway(flags: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ropeway> {
  const ropeway = new Ropeway(
    ["--port=0", "--broadcast_adapter=http", `--broadcast_key=${BROADCAST_KEY}`, "--metrics_http=/metrics", "--log_format=json", ...flags],
    env,
  );
  await ropeway.logged(/^Handle WebSocket connections at/);
  return ropeway;
}

/** Flags of a Ropeway without any application: everybody may connect, hear every stream and whisper. */
export const standalone: readonly string[] = ["--noauth", "--public_streams", "--norpc"];
