import type { StreamInfo } from "@nats-io/jetstream";
import type { Clock, Timer } from "../../clock.ts";
import { messageOf } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import type { Directory } from "./directory.ts";
import { closedBytes } from "./history-shape.ts";
import type { JetStream } from "./jetstream.ts";
import type { BrokerNames } from "./names.ts";
import { leastRememberedMs } from "./reading.ts";
import type { HistoryStreams } from "./streams.ts";

export interface HistorySweepOptions {
  readonly names: BrokerNames;
  readonly directory: Directory;
  readonly streams: HistoryStreams;
  /** Somebody on this node listens to the stream that this word stands for. */
  readonly isFollowed: (word: string) => boolean;
  /** Learns which store this is now. */
  readonly refresh: (js: JetStream) => Promise<void>;
  /** @throws {Error} when NATS is away. */
  readonly jetStream: () => JetStream;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
}

const leastPauseMs = 600_000;
/** What is as young as this may not be in the directory as we know it. */
const youngMs = 60_000;

/**
 * Removes JetStream streams that nobody needs: those of epochs that are over, and those where nothing was published for long and nobody
 * listens. Every node does so, each at times of its own.
 */
export class HistorySweep {
  readonly #options: HistorySweepOptions;
  #timer: Timer | undefined;

  constructor(options: HistorySweepOptions) {
    this.#options = options;
  }

  start(): void {
    const { clock, random } = this.#options;
    this.#timer = clock.after(leastPauseMs * (1 + random()), () => {
      void this.#sweep().finally(() => {
        if (this.#timer !== undefined) this.start();
      });
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  async #sweep(): Promise<void> {
    const { jetStream, refresh, names, streams, isFollowed, clock, logger } = this.#options;
    let removed = 0;
    try {
      streams.forgetOld(isFollowed);
      const js = jetStream();
      const beganMs = clock.nowMs();
      await refresh(js);
      for await (const info of js.manager.streams.list(names.allHistories)) {
        if (this.#timer === undefined) return;
        if (await this.#look(js, info, beganMs)) removed++;
      }
    } catch (error) {
      logger.debug("Histories can't be looked through now", { error: messageOf(error) });
    }
    if (removed > 0) logger.debug("Histories that nobody needs were removed", { streams: removed });
  }

  /** True: it is removed. */
  async #look(js: JetStream, info: StreamInfo, beganMs: number): Promise<boolean> {
    const { names, directory } = this.#options;
    const of = names.ofHistorySubject(info.config.subjects[0] ?? "");
    if (of === undefined || Date.parse(info.created) > beganMs - youngMs) return false;
    const entry = await directory.find(js, of.word);
    if (entry?.epoch === of.epoch) {
      if (!this.#isIdle(info) || (await this.#isWanted(js, of.word, of.epoch))) return false;
      // What is published from now on waits until we are done. What was published just before makes us stop.
      await js.change(info.config.name, { max_msg_size: closedBytes });
      const closed = await js.look(info.config.name);
      if (closed === undefined || !this.#isIdle(closed) || !(await directory.forget(js, of.word, entry))) return false;
    }
    await js.remove(info.config.name);
    return true;
  }

  /** Nothing was published for longer than anybody may ask for. */
  #isIdle({ config, created, state }: StreamInfo): boolean {
    const newestMs = Date.parse(state.last_seq === 0 ? created : state.last_ts);
    return this.#options.clock.nowMs() - newestMs > Math.max((10 * config.max_age) / 1_000_000, leastRememberedMs + youngMs);
  }

  /** Somebody listens, here or elsewhere. */
  async #isWanted(js: JetStream, word: string, epoch: string): Promise<boolean> {
    const { isFollowed, names } = this.#options;
    return isFollowed(word) || js.isHeard(names.newsSubject(word, epoch));
  }
}
