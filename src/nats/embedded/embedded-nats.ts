import type { Clock, Timer } from "../../clock.ts";
import { CableError, messageOf } from "../../errors.ts";
import { backoffMs } from "../../internal/backoff.ts";
import type { RemoteState, Service } from "../../lifecycle.ts";
import type { Logger } from "../../logger.ts";
import { serverNameOf } from "./configuration.ts";
import { arePortsFree, portsAreFree } from "./free-ports.ts";
import { NatsLog } from "./log-lines.ts";
import { NatsProcess } from "./nats-process.ts";
import { placeOf, reachedAt, secretsOf, type EmbeddedNatsOptions } from "./options.ts";
import { untilReady } from "./until-ready.ts";
import { WorkingFolder } from "./working-folder.ts";

export interface EmbeddedNatsParts {
  readonly nats: EmbeddedNatsOptions;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Jitter of the back-off: 0 ≤ n < 1. Default Math.random. */
  readonly random?: () => number;
}

/** A real nats-server that lives as long as we do. */
export interface EmbeddedNats extends Service {
  /** For the readiness page: connected when it serves, and JetStream has a leader if it is on. */
  state(): RemoteState;
}

/**
 * Starts the nats-server of this machine, starts it again for ever when it ends, and stops it; make it the first service, so that it is
 * the last to stop. However our process ends, the server does too, within ten seconds: on SIGKILL as well, where there is a /bin/sh.
 *
 * `start` rejects with `config.missing_program`, `listener.unavailable` or `nats.embedded_failed`; not when JetStream only waits for
 * other servers of its cluster.
 * @throws {CableError} `config.invalid_value`
 */
export function embeddedNats(parts: EmbeddedNatsParts): EmbeddedNats {
  return new EmbeddedNatsServer(parts);
}

/** A server that ended sooner than this after it was ready has failed once more. */
const stableAfterMs = 5_000;
/** For a server without JetStream, which is ready within milliseconds. */
const defaultReadyTimeoutMs = 30_000;
const howToGetIt =
  "Install it (apt-get install nats-server, brew install nats-server, or https://nats.io/download), or leave embed_nats out and name a NATS server in nats_servers.";
/** How often a port may be taken at the start, in a row: a server that another process leaves behind needs a moment to stop. */
const portTries = 4;

class EmbeddedNatsServer implements EmbeddedNats {
  readonly name = "embedded NATS";
  readonly #options: EmbeddedNatsOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #random: () => number;
  readonly #folder = new WorkingFolder();
  #phase: "starting" | "kept" | "stopping" = "starting";
  #process: NatsProcess | undefined;
  #log: NatsLog | undefined;
  #retry: Timer | undefined;
  #failures = 0;
  #hasServed = false;
  #isAwayTold = false;
  #state: RemoteState;

  constructor({ nats, clock, logger, random = Math.random }: EmbeddedNatsParts) {
    if (nats.cluster?.routes.length === 0 && nats.jetStream) {
      // nats-server refuses this, where AnyCable embeds it as well.
      throw new CableError(
        "config.invalid_value",
        "enats_cluster_routes is empty: with JetStream a cluster needs routes to its other servers (the list may name this one too)",
      );
    }
    this.#options = nats;
    this.#clock = clock;
    this.#random = random;
    const target = placeOf(nats.listen);
    this.#logger = logger.child({ address: target });
    this.#state = { isConnected: false, isRequired: true, sinceMs: clock.monotonicMs(), target, problem: "it is not started yet" };
  }

  state(): RemoteState {
    return this.#state;
  }

  async start(): Promise<void> {
    process.once("exit", this.#abandon);
    try {
      await this.#waitForPorts();
      await this.#first();
    } catch (error) {
      await this.stop(AbortSignal.abort());
      throw error;
    }
  }

  async stop(deadline: AbortSignal): Promise<void> {
    this.#phase = "stopping";
    this.#retry?.cancel();
    this.#log?.chatty(true);
    await this.#process?.stop(deadline);
    process.off("exit", this.#abandon);
    await this.#folder.remove().catch((error: unknown) => {
      this.#logger.warn("The folder of the embedded NATS server could not be removed", { error: messageOf(error) });
    });
    this.#setState(false, "it is stopped");
  }

  readonly #abandon = (): void => {
    this.#process?.abandon();
    this.#folder.clear();
  };

  async #waitForPorts(): Promise<void> {
    // Nothing else may be there yet to keep the process alive; the clock's timers don't.
    const alive = setInterval(() => {}, 60_000);
    try {
      for (let tries = 1; tries < portTries; tries++) {
        if (await arePortsFree(this.#options)) return;
        await new Promise<void>((resolve) => this.#clock.after(backoffMs(tries - 1, this.#random), resolve));
      }
      await portsAreFree(this.#options);
    } finally {
      clearInterval(alive);
    }
  }

  /** Resolves when the first server is ready, or has been given enough time; from then on servers are kept alive. */
  #first(): Promise<void> {
    const readyTimeoutMs = this.#options.jetStream?.readyTimeoutMs ?? defaultReadyTimeoutMs;
    return new Promise((resolve, reject) => {
      const goOn = (): void => {
        timer.cancel();
        if (this.#phase === "starting") this.#phase = "kept";
        resolve();
      };
      const timer = this.#clock.after(readyTimeoutMs, () => {
        this.#logger.warn("The embedded NATS server is not ready yet; going on without it", { error: this.#state.problem });
        goOn();
      });
      this.#launch(goOn, (how) => {
        timer.cancel();
        reject(this.#failure(how));
      });
    });
  }

  /** One server, from its start to its end. */
  #launch(onReady: () => void, onEndedEarly: (how: string) => void): void {
    const { binary, listen, jetStream } = this.#options;
    const log = new NatsLog(this.#logger, secretsOf(this.#options));
    const paths = this.#folder.prepare(this.#options);
    const running = new NatsProcess({ program: binary, ...paths, log, logger: this.#logger, clock: this.#clock });
    const over = new AbortController();
    this.#log = log;
    this.#process = running;
    this.#setState(false, "it is starting");
    const onServing = (): void => {
      log.chatty(false);
      this.#setState(false, "JetStream has no leader");
    };
    void untilReady({
      at: reachedAt(listen),
      hasJetStream: jetStream !== undefined,
      onServing,
      clock: this.#clock,
      signal: over.signal,
    }).then((version) => {
      if (version === undefined) return;
      this.#ready(version, running.pid);
      onReady();
    });
    void running.ended.then((how) => {
      over.abort();
      if (this.#phase === "starting") onEndedEarly(how);
      if (this.#phase === "kept") this.#failed(`it ended (${how})`, log.complaints.at(-1));
    });
  }

  #ready(version: string, pid: number | undefined): void {
    const awayMs = Math.round(this.#clock.monotonicMs() - this.#state.sinceMs);
    this.#setState(true, undefined);
    if (this.#hasServed) this.#logger.info("The embedded NATS server is back", { pid, away_ms: awayMs });
    else this.#logger.info("The embedded NATS server is ready", { server_name: serverNameOf(this.#options), version, pid });
    this.#hasServed = true;
    this.#isAwayTold = false;
  }

  /** `detail` is for the log alone: what a server says may be nobody else's business. */
  #failed(problem: string, detail: string | undefined): void {
    const { isConnected, sinceMs } = this.#state;
    if (isConnected && this.#clock.monotonicMs() - sinceMs >= stableAfterMs) this.#failures = 0;
    const waitMs = backoffMs(this.#failures++, this.#random);
    this.#setState(false, problem);
    const fields = { error: detail === undefined ? problem : `${problem}: ${detail}`, retry_in_ms: Math.round(waitMs) };
    if (this.#isAwayTold) this.#logger.debug("The embedded NATS server still does not run", fields);
    else this.#logger.warn("The embedded NATS server does not run any more; starting it again", fields);
    this.#isAwayTold = true;
    this.#retry = this.#clock.after(waitMs, () => void this.#again());
  }

  async #again(): Promise<void> {
    try {
      await portsAreFree(this.#options);
      if (this.#phase === "stopping") return;
      this.#launch(
        () => {},
        () => {},
      );
    } catch (error) {
      if (this.#phase !== "stopping") this.#failed("it can't be started", messageOf(error));
    }
  }

  #failure(how: string): CableError {
    const { binary } = this.#options;
    if (/\b(?:ENOENT|EACCES)\b/.test(how)) {
      return new CableError(
        "config.missing_program",
        `embed_nats needs the program ${JSON.stringify(binary)}, which can't be run (${how}). ${howToGetIt}`,
      );
    }
    const said = this.#log?.complaints.join("; ") || "without a word";
    return new CableError("nats.embedded_failed", `The embedded NATS server (${binary}) ended at its start (${how}): ${said}`);
  }

  #setState(isConnected: boolean, problem: string | undefined): void {
    const sinceMs = isConnected === this.#state.isConnected ? this.#state.sinceMs : this.#clock.monotonicMs();
    this.#state = { ...this.#state, isConnected, sinceMs, problem };
  }
}
