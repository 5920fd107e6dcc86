import { afterEach, expect, vi } from "vitest";
import type { Broadcaster } from "../../src/broadcasters/broadcaster.ts";
import type { RemoteState } from "../../src/lifecycle.ts";
import { redisPubsubBroadcaster, type RedisPubsubBroadcasterOptions } from "../../src/broadcasters/redis-pubsub.ts";
import { systemClock, type Clock } from "../../src/clock.ts";
import type { RedisOptions } from "../../src/redis/open.ts";
import { recordedLog, type RecordedLog } from "./recorded-log.ts";
import { redisPublish } from "./redis-client.ts";

export const redisDefaults: { readonly channel: string; readonly isRequired: boolean; readonly clock: Clock } = {
  channel: "__anycable__",
  isRequired: true,
  clock: systemClock(),
};

/** Its timers run out twenty times too early. */
export function impatientClock(): Clock {
  const clock = systemClock();
  return { ...clock, after: (delayMs, task) => clock.after(delayMs / 20, task) };
}

/** A broadcaster that listens to a Redis, and what it heard. */
export interface Listening {
  readonly broadcaster: Broadcaster;
  readonly log: RecordedLog;
  readonly bodies: string[];
  readonly state: RemoteState;
  /** Waits until it is connected, to the server at this port when one is given. */
  connected(port?: number): Promise<void>;
  away(): Promise<void>;
  /** Waits for a log line whose error matches. */
  complained(about: RegExp): Promise<void>;
  /** Publishes at `url`, and waits until just that was heard. */
  hears(url: string, ...said: string[]): Promise<void>;
}

const open: Broadcaster[] = [];

/** Stopped after the test. */
export async function listenTo(
  redis: RedisOptions,
  options: Partial<Omit<RedisPubsubBroadcasterOptions, "redis" | "logger">> = {},
): Promise<Listening> {
  const log = recordedLog();
  const broadcaster = redisPubsubBroadcaster({ ...redisDefaults, ...options, redis, logger: log.logger });
  const bodies: string[] = [];
  open.push(broadcaster);
  await broadcaster.start((body) => void bodies.push(body));
  const patience = { timeout: 30_000, interval: 10 };
  return {
    broadcaster,
    log,
    bodies,
    get state() {
      return broadcaster.state!();
    },
    connected: (port) =>
      vi.waitFor(() => {
        expect(broadcaster.state!()).toMatchObject({ isConnected: true, problem: undefined });
        if (port !== undefined) expect(broadcaster.state!().target).toMatch(new RegExp(`:${port}$`));
      }, patience),
    away: () => vi.waitFor(() => expect(broadcaster.state!().isConnected).toBe(false), patience),
    complained: (about) =>
      vi.waitFor(() => expect(log.lines.map(({ fields }) => fields["error"])).toContainEqual(expect.stringMatching(about)), patience),
    async hears(url, ...said) {
      await redisPublish(url, ...said);
      await vi.waitFor(() => expect(bodies).toEqual(said), patience);
      bodies.length = 0;
    },
  };
}

export function stopListening(): void {
  afterEach(async () => {
    for (const broadcaster of open.splice(0)) await broadcaster.stop();
  });
}
