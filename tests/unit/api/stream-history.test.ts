import { afterEach, describe, expect, it } from "vitest";
import type { StreamHistory } from "../../../src/broker/broker.ts";
import { CableError } from "../../../src/errors.ts";
import { apiStage, brokerOf, keptHistory, published, type ApiAnswer } from "../../support/api-stage.ts";

const cleanups: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

type Ask = (query?: string) => Promise<ApiAnswer>;

async function asking(history: StreamHistory | undefined): Promise<Ask> {
  const stage = await apiStage({ broker: brokerOf({ history }) });
  cleanups.push(stage.stop);
  return (query = "") => stage.ask("streamHistory", `/api/streams/chat%2F1/history${query}`);
}

interface Page {
  readonly head: { readonly epoch: string; readonly offset: number } | null;
  readonly publications: readonly { readonly epoch: string; readonly offset: number; readonly data: string }[];
  readonly next?: { readonly after: number; readonly epoch: string };
}

const offsets = ({ json }: ApiAnswer): number[] => (json as Page).publications.map(({ offset }) => offset);

describe("the history of a stream", () => {
  it("is told as it was published, with positions, and without who must not hear it", async () => {
    const kept = published(1, 2, (offset) => `{"b":${offset}.0,"a":9007199254740993}`);
    const ask = await asking(keptHistory([kept[0]!, { ...kept[1]!, broadcastType: "note" }]));
    expect((await ask()).text).toBe(
      String.raw`{"type":"history","stream":"chat/1","scope":"cluster","head":{"epoch":"e1","offset":2},"publications":[` +
        String.raw`{"epoch":"e1","offset":1,"data":"{\"b\":1.0,\"a\":9007199254740993}"},` +
        String.raw`{"epoch":"e1","offset":2,"data":"{\"b\":2.0,\"a\":9007199254740993}","meta":{"broadcast_type":"note"}}]}`,
    );
  });

  it("is asked for by the stream's name", async () => {
    const streams: string[] = [];
    const ask = await asking(keptHistory(published(1, 1), { keeps: (stream) => streams.push(stream) > 0 }));
    await ask();
    expect(streams).toEqual(["chat/1"]);
  });

  it("begins after a position, at a second, or with the newest 100", async () => {
    const ask = await asking(keptHistory(published(1, 250)));
    expect(offsets(await ask("?after=247&epoch=e1"))).toEqual([248, 249, 250]);
    expect(offsets(await ask("?after=250&epoch=e1"))).toEqual([]);
    expect(offsets(await ask("?since=249"))).toEqual([249, 250]);
    const newest = offsets(await ask());
    expect([newest[0], newest.at(-1), newest.length]).toEqual([151, 250, 100]);
    expect(offsets(await ask("?limit=2"))).toEqual([249, 250]);
  });

  it("counts what the store lost with an earlier life as missing", async () => {
    const ask = await asking(
      keptHistory(published(1, 3), {
        since: (_stream, _second, isReturning) => (isReturning ? { status: "gone", why: "it was lost" } : Promise.reject(new Error("no"))),
      }),
    );
    expect((await ask("?since=1")).status).toBe(410);
  });

  it("is empty where nothing is remembered", async () => {
    const ask = await asking(keptHistory([]));
    const nothing = { type: "history", stream: "chat/1", scope: "cluster", head: null, publications: [] };
    expect((await ask()).json).toEqual(nothing);
    expect((await ask("?since=0")).json).toEqual(nothing);
  });

  it("goes on page by page, and every publication is there once", async () => {
    const ask = await asking(keptHistory(published(3, 250)));
    const found: number[] = [];
    for (let query = "?since=0&limit=60"; ;) {
      const answer = await ask(query);
      found.push(...offsets(answer));
      const { next } = answer.json as Page;
      if (next === undefined) break;
      expect(offsets(answer)).toHaveLength(60);
      query = `?limit=60&after=${next.after}&epoch=${next.epoch}`;
    }
    expect(found).toEqual(Array.from({ length: 248 }, (_, at) => at + 3));
  });

  it("is cut at 1 MiB, but never to nothing", async () => {
    const ask = await asking(keptHistory(published(1, 5, (offset) => JSON.stringify("x".repeat(offset === 3 ? 2_000_000 : 400_000)))));
    const sizes: number[][] = [];
    for (let query = "?after=0&epoch=e1"; ;) {
      const answer = await ask(query);
      sizes.push(offsets(answer));
      const { next } = answer.json as Page;
      if (next === undefined) break;
      query = `?after=${next.after}&epoch=${next.epoch}`;
    }
    expect(sizes).toEqual([[1, 2], [3], [4, 5]]);
  });

  it("is gone when the position is not kept any more, and says why", async () => {
    const ask = await asking(keptHistory(published(50, 60)));
    expect(offsets(await ask("?after=49&epoch=e1"))).toHaveLength(11);
    for (const query of ["?after=48&epoch=e1", "?after=61&epoch=e1", "?after=55&epoch=other"]) {
      const answer = await ask(query);
      expect(answer.status).toBe(410);
      expect(answer.json).toEqual({ error: { code: "api.gone", message: expect.stringMatching(/not kept|another epoch/) as string } });
    }
  });

  it.each([
    ["?limit=0", /limit must be a whole number from 1 to 1000/],
    ["?limit=1001", /limit/],
    ["?limit=ten", /limit/],
    ["?limit=", /limit/],
    ["?limit=1&limit=2", /limit is given 2 times/],
    ["?after=-1&epoch=e1", /after/],
    ["?after=1e3&epoch=e1", /after/],
    ["?after=9007199254740992&epoch=e1", /after/],
    ["?after=99999999999999999999&epoch=e1", /after/],
    ["?after=1", /needs the epoch/],
    ["?epoch=e1", /needs the offset/],
    ["?after=1&epoch=", /epoch is empty/],
    ["?after=1&epoch=e1&since=1", /give one/],
    ["?since=1.5", /since/],
    // Milliseconds.
    ["?since=1700000000000", /since must be a whole number/],
  ])("refuses %s", async (query, message) => {
    const ask = await asking(keptHistory(published(1, 3)));
    const answer = await ask(query);
    expect(answer.status).toBe(422);
    expect(answer.json).toEqual({ error: { code: "api.malformed", message: expect.stringMatching(message) as string } });
  });

  it("is not there for a stream that is not kept, or without a broker that keeps any", async () => {
    const notKept = await (await asking(keptHistory([], { keeps: () => false })))();
    expect([notKept.status, notKept.json]).toMatchObject([404, { error: { code: "api.not_found" } }]);
    const unsupported = await (await asking(undefined))();
    expect([unsupported.status, unsupported.json]).toMatchObject([501, { error: { code: "api.unsupported" } }]);
  });

  it("has to wait while the store is away", async () => {
    const gone = (): Promise<never> => Promise.reject(new CableError("broker.unavailable", "Redis is away."));
    const ask = await asking(keptHistory(published(1, 3), { head: gone, after: gone, since: gone }));
    for (const query of ["", "?since=1", "?after=1&epoch=e1"]) {
      const answer = await ask(query);
      expect(answer.status).toBe(503);
      expect(answer.headers.get("retry-after")).toBe("1");
      expect(answer.json).toEqual({ error: { code: "broker.unavailable", message: "Redis is away." } });
    }
  });
});
