// The cable server as a child process: started, watched until it answers, stopped, started again.

import { spawn, type ChildProcess } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";

const startTimeoutMs = 20_000;
const stopTimeoutMs = 15_000;
const pollMs = 50;

export interface CableServerOptions {
  /** The program and its arguments. */
  readonly command: readonly [string, ...string[]];
  readonly env: NodeJS.ProcessEnv;
  /** Answers 200 once the server takes clients. */
  readonly healthUrl: string;
  readonly onOutput: (text: string) => void;
  /** The process ended although nobody had asked it to. */
  readonly onCrash: (how: string) => void;
}

export class CableServer {
  readonly #options: CableServerOptions;
  #child: ChildProcess | undefined;
  #ended: Promise<string> = Promise.resolve("");
  #isStopping = false;

  constructor(options: CableServerOptions) {
    this.#options = options;
  }

  /** Resolves when the server answers. Rejects, with nothing left running, when it ends first, stays silent for 20 s or `signal` says so. */
  async start(signal?: AbortSignal): Promise<void> {
    const { command, env, onOutput } = this.#options;
    const [program, ...args] = command;
    // A process group of its own: Ctrl-C in the terminal reaches only us, and we stop it in good order.
    const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"], detached: true });
    child.stdout.on("data", (chunk: Buffer) => onOutput(chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => onOutput(chunk.toString()));
    this.#child = child;
    this.#isStopping = false;
    this.#ended = new Promise((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("close", (code, signal) => resolve(signal === null ? `it ended with code ${code}` : `it was ended by ${signal}`));
    });

    const ended = this.#ended.then((how) => {
      throw new Error(`${command.join(" ")}: ${how}`);
    });
    ended.catch(() => {});
    const waiting = new AbortController();
    const givingUp = [waiting.signal, AbortSignal.timeout(startTimeoutMs), ...(signal === undefined ? [] : [signal])];
    try {
      await Promise.race([this.#answers(AbortSignal.any(givingUp)), ended]);
    } catch (error) {
      await this.stop();
      signal?.throwIfAborted();
      throw error;
    } finally {
      waiting.abort();
    }
    void this.#ended.then((how) => {
      if (this.#child !== child || this.#isStopping) return;
      this.#child = undefined;
      this.#options.onCrash(how);
    });
  }

  /** SIGTERM, and SIGKILL when that hasn't ended it after 15 s. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#isStopping = true;
    child.kill("SIGTERM");
    const patience = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
    await this.#ended;
    clearTimeout(patience);
    this.#child = undefined;
  }

  /** True while the server is up and nobody has asked it to end. */
  get isUp(): boolean {
    return this.#child !== undefined && !this.#isStopping;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** For a hasty exit: ends the process at once. Without effect when none runs. */
  kill(): void {
    this.#child?.kill("SIGKILL");
  }

  async #answers(deadline: AbortSignal): Promise<void> {
    const { command, healthUrl } = this.#options;
    while (!deadline.aborted) {
      try {
        const response = await fetch(healthUrl, { signal: deadline });
        await response.body?.cancel();
        if (response.ok) return;
      } catch {
        // Not listening yet.
      }
      await delay(pollMs);
    }
    throw new Error(`${command.join(" ")}: no answer from ${healthUrl}`);
  }
}
