import { describe, expect, it, vi } from "vitest";
import { MemoryHistory } from "../../../src/broker/memory/history.ts";
import type { StreamHistory } from "../../../src/broker/broker.ts";
import { createMetrics } from "../../../src/metrics/metrics.ts";
import type { Publication, StreamPosition } from "../../../src/publications/publication.ts";
import { Tails } from "../../../src/recovery/tails.ts";
import { Hold } from "../../../src/session/hold.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { recordedLog } from "../../support/recorded-log.ts";

const STREAM = "chat";

/** A stream with a listener on this node, and a history for all nodes that answers later. */
async function stage({ isSilent = false } = {}) {
  const clock = new FakeClock();
  const newHistory = (epoch: string): MemoryHistory =>
    new MemoryHistory({
      settingsFor: () => ({ limit: 100, ttlMs: 300_000 }),
      hearsOthers: false,
      longestTtlMs: 300_000,
      newEpoch: () => epoch,
      clock,
    });
  let kept = newHistory("ours");
  let readings = 0;
  const history: StreamHistory = {
    scope: "cluster",
    passesOn: false,
    keeps: () => true,
    append: (publication) => kept.append(publication),
    head: async (stream) => kept.head(stream),
    after: async (stream, position) => {
      readings++;
      return kept.after(stream, position);
    },
    since: async (stream, second, isReturning) => kept.since(stream, second, isReturning),
  };
  const metrics = createMetrics();
  const log = recordedLog();
  const heard: Publication[] = [];
  const lost: string[] = [];
  const tails = new Tails({
    history,
    deliver: (publication) => heard.push(publication),
    lost: (stream) => void lost.push(stream),
    clock,
    random: () => 0,
    logger: log.logger,
    metrics,
  });
  const publication = (json: string, position?: StreamPosition): Publication => ({
    stream: STREAM,
    json,
    excludeSid: undefined,
    broadcastType: undefined,
    isTransient: false,
    receivedAtMs: 0,
    position,
  });
  /** As a publisher on another node does, without that anything arrives here. */
  const store = (json: string): StreamPosition => kept.append(publication(json));
  if (!isSilent) store("0");
  // The data began before.
  clock.advance(2_000);
  expect(await tails.open(STREAM)).toBe(true);
  tails.opened(STREAM);
  expect(tails.standing(STREAM)).toEqual(isSilent ? "none" : { epoch: "ours", offset: 1 });
  return {
    clock,
    log,
    metrics,
    tails,
    store,
    publication,
    readings: () => readings,
    lost,
    /** All that was stored is gone. */
    forget: () => void (kept = newHistory("ours too")),
    heard: () => heard.map(({ json, position }) => [json, position?.offset]),
  };
}

describe("Tails", () => {
  it("reads what is missing before it delivers what came", async () => {
    const { tails, store, publication, heard, metrics } = await stage();
    store("1");
    const position = store("2");
    tails.deliver(publication("2", position));
    await vi.waitFor(() => {
      expect(heard()).toEqual([
        ["1", 2],
        ["2", 3],
      ]);
    });
    expect(metrics.counters.missed_publications_total).toBe(2);
  });

  it("knows for who came with the first listener what comes next, whatever is still on its way", async () => {
    for (const [isSilent, offset] of [
      [true, 1],
      [false, 2],
    ] as const) {
      const { tails, store, publication } = await stage({ isSilent });
      // It began before anybody knew where the stream stands.
      const hold = new Hold(undefined, false);
      const position = store("1");
      expect(hold.nextOf("ours", tails.begunAt(STREAM))).toEqual({ epoch: "ours", offset });
      tails.deliver(publication("1", position));
      expect(hold.nextOf("ours", tails.begunAt(STREAM))).toEqual({ epoch: "ours", offset });
    }
  });

  it("takes the end of an epoch for a loss, though the next one is heard from its beginning", async () => {
    const { tails, store, publication, heard, lost, forget } = await stage();
    // Acknowledged, and on its way to us when the one that had it died.
    store("1");
    forget();
    tails.deliver(publication("2", store("2")));
    await vi.waitFor(() => expect(lost).toEqual([STREAM]));
    expect(heard()).toEqual([]);
  });

  it("can't say that nothing was published to a silent stream when what was stored meanwhile is gone", async () => {
    const { tails, store, lost, heard } = await stage({ isSilent: true });
    tails.missed();
    store("1");
    tails.missed();
    await vi.waitFor(() => expect(heard()).toEqual([["1", 1]]));
    const silent = await stage({ isSilent: true });
    silent.store("1");
    silent.forget();
    silent.tails.missed();
    await vi.waitFor(() => expect(silent.lost).toEqual([STREAM]));
    expect([lost, silent.heard()]).toEqual([[], []]);
  });

  it.each([
    ["of another epoch", { epoch: "theirs", offset: 57 }],
    ["beyond the newest", { epoch: "ours", offset: 1_000_000 }],
  ])("delivers a publication with a position %s without it, after a few readings, and goes on", async (_what, position) => {
    const { clock, log, metrics, tails, store, publication, readings, heard } = await stage();
    tails.deliver(publication("foreign", position));
    tails.deliver(publication("1", store("1")));
    await vi.waitFor(() => {
      clock.advance(1_000);
      expect(heard()).toEqual([
        ["1", 2],
        ["foreign", undefined],
      ]);
    });
    expect(readings()).toBeLessThan(6);
    expect(metrics.counters.failed_pubsub_msg_total).toBe(1);
    expect(log.messages().at(-1)).toMatch(/the history knows nothing of/);
    tails.deliver(publication("2", store("2")));
    expect(heard().at(-1)).toEqual(["2", 3]);
    const before = readings();
    clock.advance(60_000);
    expect(readings()).toBe(before);
  });
});
