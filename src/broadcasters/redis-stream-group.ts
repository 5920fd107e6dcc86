import { rawAnswers, unlessLost, type RedisClient } from "../redis/client.ts";
import { keyBeside } from "../redis/key-names.ts";
import { entriesClaimed, entriesRead, idsPending, type StreamEntry } from "./redis-stream-replies.ts";

export interface StreamNames {
  readonly stream: string;
  readonly group: string;
  /** This process, among the consumers of the group. */
  readonly consumer: string;
}

/** How far back a new group begins. `$` would lose what was added while nobody was up, `0` would replay old news. */
const beginsBackMs = 60_000;
const mostRejected = 100;
/** More than any consumer waits before it takes over. */
const longIdleMs = 3_600_000;

/** Where entries that can't be handled are kept: the newest 100, with why in `reason`, their `id` and `payload`. */
export function rejectedStream(stream: string): string {
  return keyBeside(stream, "rejected");
}

/** The consumer group of a stream, over one connection. Every method rejects when that connection breaks, or when Redis says no. */
export class StreamGroup {
  readonly #client: RedisClient;
  readonly #raw: Pick<RedisClient, "sendCommand">;
  readonly #names: StreamNames;

  constructor(client: RedisClient, names: StreamNames) {
    this.#client = client;
    this.#raw = rawAnswers(client);
    this.#names = names;
  }

  /** Makes stream and group, if they are not there. */
  async create(): Promise<void> {
    const { stream, group } = this.#names;
    const time: unknown = await this.#client.sendCommand(["TIME"]);
    const seconds = Number(Array.isArray(time) ? time[0] : undefined);
    const start = `${Math.max(0, seconds * 1_000 - beginsBackMs)}-0`;
    try {
      await this.#client.sendCommand(["XGROUP", "CREATE", stream, group, start, "MKSTREAM"]);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith("BUSYGROUP"))) throw error;
    }
  }

  /** What was given to this consumer before and never acknowledged, after the entry `after` (`0` = from the beginning). */
  async readOwn(after: string, count: number): Promise<readonly StreamEntry[]> {
    return entriesRead(await this.#read(after, "COUNT", String(count)));
  }

  /** What nobody has got yet; waits for it. */
  async readNew(count: number, blockMs: number): Promise<readonly StreamEntry[]> {
    return entriesRead(await this.#read(">", "COUNT", String(count), "BLOCK", String(blockMs)));
  }

  /** Takes over what others were given, and did nothing with, for `idleMs`. */
  async claim(idleMs: number, from: string, count: number): Promise<ReturnType<typeof entriesClaimed>> {
    const { stream, group, consumer } = this.#names;
    return entriesClaimed(
      await this.#raw.sendCommand(["XAUTOCLAIM", stream, group, consumer, String(idleMs), from, "COUNT", String(count)]),
    );
  }

  /** Which of these entries, in order of ids, this consumer still has to handle. Says at the same time that they are being worked on. */
  async keep(ids: readonly string[]): Promise<ReadonlySet<string>> {
    const [first] = ids;
    if (first === undefined) return new Set();
    const { stream, group, consumer } = this.#names;
    const pending = idsPending(
      await this.#client.sendCommand(["XPENDING", stream, group, first, ids.at(-1)!, String(ids.length), consumer]),
    );
    const ours = new Set(pending);
    await this.#setIdle([...ours], 0);
    return ours;
  }

  /** These will not be handled here: others may claim them at once. */
  release(ids: readonly string[]): Promise<void> {
    return this.#setIdle(ids, longIdleMs);
  }

  /** They are done with. */
  async done(ids: readonly string[]): Promise<void> {
    const { stream, group } = this.#names;
    await Promise.all([this.#client.sendCommand(["XACK", stream, group, ...ids]), this.#client.sendCommand(["XDEL", stream, ...ids])]);
  }

  /** Keeps aside what can't be handled. */
  async reject({ id, payload }: StreamEntry, reason: string, mostBytes: number): Promise<void> {
    const size = payload === undefined ? [] : ["bytes", String(payload.length)];
    const kept = payload === undefined ? [] : ["payload", payload.length > mostBytes ? payload.subarray(0, 65_536) : payload];
    const key = rejectedStream(this.#names.stream);
    await this.#client.sendCommand(["XADD", key, "MAXLEN", String(mostRejected), "*", "reason", reason, "id", id, ...size, ...kept]);
  }

  /** Takes consumers that have done nothing for so long, and have nothing to do, out of the group. A living one comes back by itself. */
  async removeDead(idleMs: number): Promise<void> {
    await this.#removeIdle(idleMs, "");
  }

  /** Takes this consumer out of the group, unless something is left that it was given: that would be lost with it. */
  async leave(): Promise<void> {
    await this.#removeIdle(0, this.#names.consumer);
  }

  async #removeIdle(idleMs: number, only: string): Promise<void> {
    const { stream, group } = this.#names;
    await this.#client.sendCommand(["EVAL", removeIdleScript, "1", stream, group, String(idleMs), only]).catch(unlessLost);
  }

  #read(id: string, ...options: readonly string[]): Promise<unknown> {
    const { stream, group, consumer } = this.#names;
    return this.#raw.sendCommand(["XREADGROUP", "GROUP", group, consumer, ...options, "STREAMS", stream, id]);
  }

  async #setIdle(ids: readonly string[], idleMs: number): Promise<void> {
    if (ids.length === 0) return;
    const { stream, group, consumer } = this.#names;
    await this.#client.sendCommand(["XCLAIM", stream, group, consumer, "0", ...ids, "IDLE", String(idleMs), "JUSTID"]);
  }
}

/** In one step: a consumer that comes back to life between the question and the command would lose what it is given. */
const removeIdleScript = `
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local is = {}
  for at = 1, #consumer, 2 do is[consumer[at]] = consumer[at + 1] end
  if is.pending == 0 and is.idle >= tonumber(ARGV[2]) and (ARGV[3] == '' or is.name == ARGV[3]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], is.name)
  end
end`;
