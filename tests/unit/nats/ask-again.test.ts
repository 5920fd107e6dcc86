import { beforeEach, describe, expect, it } from "vitest";
import { askAgain } from "../../../src/broker/nats/ask-again.ts";
import { deferred, type Deferred } from "../../support/deferred.ts";
import { FakeClock } from "../../support/fake-clock.ts";

const timeoutMs = 5_000;
let clock: FakeClock;
/** What has been asked, in that order: to answer, and to refuse. */
let asked: Deferred<string>[];
beforeEach(() => {
  clock = new FakeClock();
  asked = [];
});

function begin(): Promise<string> {
  return askAgain(clock, timeoutMs, () => {
    const question = deferred<string>();
    asked.push(question);
    return question.promise;
  });
}

describe("a question", () => {
  it("is asked again while there is no answer, with longer and longer pauses", async () => {
    const answer = begin();
    const times = [0.5, 1.5, 3.5].map((second) => second * 1_000);
    for (const [index, atMs] of times.entries()) {
      clock.advance(atMs - clock.monotonicMs() - 1);
      expect(asked).toHaveLength(index + 1);
      clock.advance(1);
      expect(asked).toHaveLength(index + 2);
    }
    expect(clock.pending).toBe(0);
    asked[3]!.resolve("the last one's");
    await expect(answer).resolves.toBe("the last one's");
  });

  it("is asked once where it is answered at once", async () => {
    const answer = begin();
    asked[0]!.resolve("yes");
    await expect(answer).resolves.toBe("yes");
    clock.advance(timeoutMs);
    expect(asked).toHaveLength(1);
  });

  it("takes the first refusal, and doesn't mind what comes later", async () => {
    const answer = begin();
    clock.advance(600);
    asked[0]!.reject(new Error("no"));
    await expect(answer).rejects.toThrow("no");
    asked[1]!.reject(new Error("no, again"));
    clock.advance(timeoutMs);
    expect(asked).toHaveLength(2);
  });
});
