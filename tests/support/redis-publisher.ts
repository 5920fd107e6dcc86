import { setTimeout as pause } from "node:timers/promises";
import { createClient } from "@redis/client";
import { eventually } from "./eventually.ts";

/** An application that publishes numbered messages to a stream without a break, at whichever server takes them. */
export class RedisPublisher {
  /** The next message that is not published yet; it may be on its way. */
  next = 0;
  readonly #urls: readonly string[];
  readonly #stream: string;
  #isRunning = true;
  readonly #ended: Promise<void>;

  constructor(urls: readonly string[], stream: string) {
    this.#urls = urls;
    this.#stream = stream;
    this.#ended = this.#run();
  }

  /** Waits until so many more are published. */
  async more(count: number): Promise<void> {
    const goal = this.next + count;
    await eventually(() => this.next).toBeGreaterThanOrEqual(goal);
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    await this.#ended;
  }

  async #run(): Promise<void> {
    for (let turn = 0; this.#isRunning; turn++) {
      const client = createClient({ url: this.#urls[turn % this.#urls.length]!, socket: { reconnectStrategy: false } });
      client.on("error", () => {});
      try {
        await client.connect();
        while (this.#isRunning) {
          await client.publish("__anycable__", JSON.stringify({ stream: this.#stream, data: String(this.next) }));
          this.next++;
          // Close to a thousand a second.
          await pause(1);
        }
      } catch {
        // The next server, then.
      } finally {
        client.destroy();
      }
    }
  }
}
