import { spawn } from "node:child_process";
import type { Clock } from "../../clock.ts";
import type { Logger } from "../../logger.ts";
import { guardServer } from "./guard.ts";
import type { NatsLog } from "./log-lines.ts";

export interface NatsProcessOptions {
  /** Path of nats-server. */
  readonly program: string;
  /** Its configuration file. */
  readonly configFile: string;
  /** Removed if our process ends without stopping the server. */
  readonly folder: string;
  readonly log: NatsLog;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** What a server may take to stop when the deadline was over before it was asked to, milliseconds. Usually it takes 20. */
const lastGraceMs = 1_000;

/** How long its last words may take after its end, milliseconds. */
const lastWordsMs = 500;

/** Nothing else of our environment is its business; there may be secrets in it. */
const passedOn = /^(?:PATH|HOME|TMPDIR|TMP|TEMP|TZ|LANG|SystemRoot|GO[A-Z]+)$/u;

/** One nats-server, from its start to its end. */
export class NatsProcess {
  readonly #options: NatsProcessOptions;
  readonly #child: ReturnType<typeof start>;
  /** Resolves when it is gone and all that it said was heard, to how: `code 1`, `SIGKILL`, or why it could not be started. Never rejects. */
  readonly ended: Promise<string>;

  constructor(options: NatsProcessOptions) {
    this.#options = options;
    this.#child = start(options);
    this.ended = this.#watch();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Asks it to stop, and waits; at the deadline it is killed. */
  async stop(deadline: AbortSignal): Promise<void> {
    this.#child.kill("SIGTERM");
    const kill = (): void => void this.#child.kill("SIGKILL");
    const lastGrace = deadline.aborted ? this.#options.clock.after(lastGraceMs, kill) : undefined;
    deadline.addEventListener("abort", kill);
    await this.ended;
    deadline.removeEventListener("abort", kill);
    lastGrace?.cancel();
  }

  /** When our process ends at once, and nobody can wait. The guard sees to the rest. */
  abandon(): void {
    this.#child.kill("SIGTERM");
  }

  #watch(): Promise<string> {
    const child = this.#child;
    const { log, clock } = this.#options;
    const ended = new Promise<string>((resolve) => {
      child.once("error", (error) => resolve(error.message));
      const over = (code: number | null, signal: NodeJS.Signals | null): void => {
        log.end();
        resolve(signal ?? `code ${code}`);
      };
      child.once("close", over);
      // Somebody else may hold its output open: the program may be a script that started the server and was killed in its place.
      child.once("exit", (code, signal) => void clock.after(lastWordsMs, () => over(code, signal)));
    });
    if (child.pid !== undefined) this.#guard(child.pid);
    return ended;
  }

  #guard(pid: number): void {
    const { log, logger, folder } = this.#options;
    this.#child.stderr.setEncoding("utf8").on("data", (chunk: string) => log.take(chunk));
    const guard = guardServer({ pid, folder }, (error) =>
      logger.warn("Nothing stops the embedded NATS server if this process is killed: there is no /bin/sh", { error: error.message }),
    );
    this.#child.once("exit", () => guard.release());
  }
}

// Its own session: a Ctrl-C in a terminal goes to all of a group, and the server is to be the last to stop.
function start({ program, configFile, folder }: NatsProcessOptions) {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => passedOn.test(name)));
  return spawn(program, ["--config", configFile], { cwd: folder, env, detached: true, stdio: ["ignore", "ignore", "pipe"] });
}
