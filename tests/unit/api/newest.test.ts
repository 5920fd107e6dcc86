import { describe, expect, it } from "vitest";
import { newest } from "../../../src/api/newest.ts";
import type { StreamHistory } from "../../../src/broker/broker.ts";
import { MemoryHistory } from "../../../src/broker/memory/history.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { keptHistory, published } from "../../support/api-stage.ts";

/** The offsets that are found, and how many questions that took. */
async function find(history: StreamHistory, count: number): Promise<{ readonly offsets: readonly number[]; readonly questions: number }> {
  let questions = 0;
  const asked = Object.assign(Object.create(history) as StreamHistory, {
    head: (name: string) => history.head(name),
    after(...question: Parameters<StreamHistory["after"]>) {
      questions++;
      return history.after(...question);
    },
  });
  const answer = await newest(asked, "s", count);
  if (answer.status === "gone") throw new Error(`gone: ${answer.why}`);
  return { offsets: answer.publications.map(({ position }) => position!.offset), questions };
}

describe("the newest publications", () => {
  it("are all, or as many as were asked for, wherever the history begins", async () => {
    for (let first = 1; first <= 12; first++) {
      for (let count = 1; count <= 14; count++) {
        const all = Array.from({ length: 12 - first + 1 }, (_, at) => first + at);
        const { offsets } = await find(keptHistory(published(first, 12)), count);
        expect(offsets, `${count} of those from ${first} on`).toEqual(all.slice(-count));
      }
    }
  });

  it("are found in a real history, trimmed, and expired in part or as a whole", async () => {
    const clock = new FakeClock();
    const history = new MemoryHistory({
      settingsFor: () => ({ limit: 8, ttlMs: 10_000 }),
      hearsOthers: false,
      longestTtlMs: 10_000,
      newEpoch: () => "e1",
      clock,
    });
    for (const publication of published(1, 12)) {
      history.append(publication);
      clock.advance(1_000);
    }
    expect((await find(history, 100)).offsets).toEqual([5, 6, 7, 8, 9, 10, 11, 12]);
    expect((await find(history, 2)).offsets).toEqual([11, 12]);
    clock.advance(5_500);
    expect((await find(history, 100)).offsets).toEqual([8, 9, 10, 11, 12]);
    clock.advance(60_000);
    expect((await find(history, 100)).offsets).toEqual([]);
  });

  it("take one question when there are enough, and few when there are not", async () => {
    const enough = await find(keptHistory(published(1, 5_000)), 1_000);
    expect(enough.questions).toBe(1);
    expect(enough.offsets).toHaveLength(1_000);
    const fewer = await find(keptHistory(published(4_321, 5_000)), 1_000);
    expect(fewer.questions).toBeLessThanOrEqual(12);
    expect(fewer.offsets).toHaveLength(680);
  });

  it("are none of a stream that nobody remembers, or whose publications have expired", async () => {
    expect(await newest(keptHistory([]), "s", 10)).toEqual({ status: "complete", publications: [], head: undefined });
    const head = { epoch: "e1", offset: 70 };
    const expired = keptHistory([], {
      head: () => head,
      after: (_stream, { offset }) =>
        offset === 70 ? { status: "complete", publications: [], head } : { status: "gone", why: "it expired" },
    });
    expect(await newest(expired, "s", 10)).toEqual({ status: "complete", publications: [], head });
  });

  it("are gone when the epoch ends while they are looked for", async () => {
    const history = keptHistory(published(1, 9), { after: () => ({ status: "gone", why: "another epoch" }) });
    expect(await newest(history, "s", 3)).toEqual({ status: "gone", why: "another epoch" });
  });
});
