import { createSocket, type Socket } from "node:dgram";
import { promises as dns } from "node:dns";
import { once } from "node:events";
import type { Clock, Timer } from "../clock.ts";
import { messageOf } from "../errors.ts";
import type { Service } from "../lifecycle.ts";
import type { Logger } from "../logger.ts";
import { everyInterval, intervalReader } from "./interval-readings.ts";
import type { Metrics } from "./metrics.ts";
import { statsdLines, statsdPackets, type StatsdFormatOptions } from "./statsd-format.ts";

export interface StatsdOptions extends StatsdFormatOptions {
  readonly metrics: Metrics;
  /** Name or address of the receiver. A name is looked up at every interval. */
  readonly host: string;
  readonly port: number;
  /** AnyCable's default: 1,400, which every network carries in one piece. Raise it only where the way to the receiver allows. */
  readonly maxPacketBytes: number;
  /** AnyCable's default: 15,000. */
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Sends the metrics to a StatsD server over UDP every interval, and a last time at the end. Nobody there, a name that can't be resolved:
 * said once in the log, until it works again, and otherwise without consequence; what was counted while the name could not be resolved is
 * sent later.
 *
 * Written here because a handful of datagrams every interval is all there is to send, and `hot-shots`, the client that is kept best, tries
 * to compile a native part on install.
 */
export function statsdExporter(options: StatsdOptions): Service {
  return new StatsdExporter(options);
}

class StatsdExporter implements Service {
  readonly name = "statsd";
  readonly #options: StatsdOptions;
  readonly #read: ReturnType<typeof intervalReader>;
  readonly #line: ReturnType<typeof statsdLines>;
  #timer: Timer | undefined;
  #sending: Promise<void> | undefined;
  /** That of the last interval: what a missing receiver lets us know arrives after the sending. */
  #socket: Socket | undefined;
  /** The last interval's packets have left. */
  #isSent = false;
  /** Word came back that nobody takes them. */
  #isRefused = false;
  #isFailing = false;
  #hasWarnedOfLength = false;

  constructor(options: StatsdOptions) {
    this.#options = options;
    this.#read = intervalReader(options.metrics);
    this.#line = statsdLines(options);
  }

  async start(): Promise<void> {
    const { clock, logger, intervalMs, prefix, tagsFormat } = this.#options;
    logger.info("Sending metrics to StatsD", { target: this.#target, interval: intervalMs / 1_000, prefix, tags_format: tagsFormat });
    this.#timer = everyInterval(clock, intervalMs, () => this.#tick());
  }

  async stop(deadline: AbortSignal): Promise<void> {
    this.#timer?.cancel();
    const ended = this.#lastTime();
    if (!deadline.aborted) await Promise.race([ended, once(deadline, "abort")]);
    this.#close();
  }

  get #target(): string {
    const { host, port } = this.#options;
    return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  }

  /** A look-up that takes longer than the interval is not joined by a second one. */
  #tick(): void {
    this.#sending ??= this.#send().finally(() => (this.#sending = undefined));
  }

  async #lastTime(): Promise<void> {
    await this.#sending;
    await this.#send();
  }

  async #send(): Promise<void> {
    if (this.#isFailing && this.#isSent && !this.#isRefused) {
      this.#isFailing = false;
      this.#options.logger.info("StatsD takes metrics again", { target: this.#target });
    }
    this.#isSent = false;
    try {
      const socket = await this.#open();
      await Promise.all(this.#packets().map((packet) => sent(socket, packet)));
      this.#isSent = true;
    } catch (error) {
      this.#failed(error);
    }
  }

  /** A new socket for every interval, so that it always goes to where the name points now. */
  async #open(): Promise<Socket> {
    const { host, port } = this.#options;
    // Receivers next door often listen at 127.0.0.1 alone, while localhost is ::1 first.
    const { address, family } = await dns.lookup(host, { order: "ipv4first" });
    this.#close();
    this.#isRefused = false;
    const socket = createSocket(family === 6 ? "udp6" : "udp4");
    this.#socket = socket;
    socket.on("error", (error) => {
      this.#isRefused = true;
      this.#failed(error);
    });
    // Only a connected socket hears that nobody is there.
    socket.connect(port, address);
    await once(socket, "connect");
    return socket;
  }

  #packets(): readonly Buffer[] {
    const { maxPacketBytes, logger } = this.#options;
    const lines = this.#read().flatMap((reading) => this.#line(reading) ?? []);
    const { packets, tooLong } = statsdPackets(lines, maxPacketBytes);
    if (tooLong.length > 0 && !this.#hasWarnedOfLength) {
      this.#hasWarnedOfLength = true;
      logger.warn("Metrics left out: longer than statsd_max_packet_size. Raise it, or shorten statsd_prefix or metrics_tags", {
        names: tooLong.map((line) => line.split(":", 1)[0]).join(" "),
      });
    }
    return packets;
  }

  #failed(error: unknown): void {
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#options.logger.warn("StatsD can't be reached; trying on", { target: this.#target, error: messageOf(error) });
  }

  #close(): void {
    this.#socket?.removeAllListeners().on("error", () => {});
    this.#socket?.close();
    this.#socket = undefined;
  }
}

function sent(socket: Socket, packet: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(packet, (error) => (error ? reject(error) : resolve()));
  });
}
