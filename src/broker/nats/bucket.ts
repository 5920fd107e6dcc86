import type { JetStream, StoredMessage } from "./jetstream.ts";
import { nanos } from "./jetstream.ts";

export interface BucketOptions {
  readonly name: string;
  /** How long an entry is kept after it was written. */
  readonly maxAgeMs: number | undefined;
  readonly replicas: number;
}

/** Of two who write at the same time, the second comes to the server before the first one's message is stored everywhere. */
const inFlightMs = 2_000;

/** Keys and values: a bucket as NATS's own tools know it. A key is words with dots between. */
export class Bucket {
  readonly stream: string;
  readonly #options: BucketOptions;
  readonly #before: string;

  constructor(options: BucketOptions) {
    this.#options = options;
    this.stream = `KV_${options.name}`;
    this.#before = `$KV.${options.name}.`;
  }

  /** Makes it if there is none, and makes it what it is to be. */
  async prepare(js: JetStream): Promise<void> {
    const { maxAgeMs = 0, replicas } = this.#options;
    const duplicatesMs = maxAgeMs === 0 ? inFlightMs : Math.min(inFlightMs, maxAgeMs);
    const there = await js.look(this.stream);
    if (there === undefined) {
      await js.create({
        name: this.stream,
        subject: `${this.#before}>`,
        maxMessages: -1,
        maxMessagesPerSubject: 1,
        maxAgeMs,
        duplicatesMs,
        replicas,
      });
    }
    await js.completed(`${this.#before}prepared`);
    if (there === undefined) return;
    const { max_age: age, duplicate_window: window, num_replicas: copies } = there.config;
    if (age === nanos(maxAgeMs) && window === nanos(duplicatesMs) && copies === replicas) return;
    await js.change(this.stream, { max_age: nanos(maxAgeMs), duplicate_window: nanos(duplicatesMs), num_replicas: replicas });
  }

  /** @throws {NoStream} */
  get(js: JetStream, key: string): Promise<StoredMessage | undefined> {
    return js.newest(this.stream, this.#before + key);
  }

  /** Resolves to the new revision. `expected`: the present one, 0 = there is none. @throws {WrongRevision}, {NoStream} */
  put(js: JetStream, key: string, text: string, expected?: number): Promise<number> {
    return js.publish(this.#before + key, text, expected === undefined ? {} : { expected });
  }

  /** Leaves a mark with `why`. @throws {WrongRevision}, {NoStream} */
  delete(js: JetStream, key: string, why: string, expected: number): Promise<number> {
    return js.publish(this.#before + key, why, { expected, isDeletion: true });
  }

  /** Leaves nothing. False: it had changed, and stays. */
  async removeIf(js: JetStream, key: string, revision: number): Promise<boolean> {
    return (await js.purge(this.stream, this.#before + key, revision)) > 0;
  }

  /** The key of a message of this bucket. */
  keyOf(subject: string): string {
    return subject.slice(this.#before.length);
  }
}
