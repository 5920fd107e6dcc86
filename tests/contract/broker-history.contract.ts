import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { HistoryAnswer, StreamHistory } from "../../src/broker/broker.ts";
import type { StreamPosition } from "../../src/publications/publication.ts";
import { allOf, BrokerStage, connected, needs, thrownBy, type BrokerNode, type OpenBrokerRig } from "../support/broker-rig.ts";
import { eventually } from "../support/eventually.ts";
import { Journal, publicationOf } from "../support/history-journal.ts";
import { oddNames, unlikeNames } from "../support/odd-names.ts";

/** Every duty of a {@link StreamHistory}. */
export function historyContract(name: string, open: OpenBrokerRig): void {
  describe(`history of the broker ${name}`, () => {
    let stage: BrokerStage;
    let node: BrokerNode;
    let history: StreamHistory;

    beforeEach(async () => {
      stage = new BrokerStage(await open());
      node = await stage.node();
      history = node.broker.history!;
    });
    afterEach(() => stage.close());

    /** Publishes so many to a stream, one after the other. */
    async function fill(stream: string, count: number, at: StreamHistory = history): Promise<readonly StreamPosition[]> {
      const positions: StreamPosition[] = [];
      for (let number = 0; number < count; number++) positions.push(await at.append(publicationOf(stream, number)));
      return positions;
    }

    const offsetsOf = (answer: HistoryAnswer): readonly number[] | "gone" =>
      answer.status === "gone" ? "gone" : answer.publications.map(({ position }) => position!.offset);

    describe("positions", () => {
      it("count from 1 in every stream, in one epoch", async () => {
        const [first, second, third] = await fill("a", 3);
        expect([first, second, third].map((position) => position!.offset)).toEqual([1, 2, 3]);
        expect(new Set([first, second, third].map((position) => position!.epoch)).size).toBe(1);
        expect(first!.epoch).not.toBe("");
        expect((await fill("b", 1))[0]!.offset).toBe(1);
      });

      it("follow the order of the calls, waited for or not", async () => {
        const pending = Array.from({ length: 300 }, (_, number) => history.append(publicationOf("a", number)));
        expect((await allOf(pending)).map(({ offset }) => offset)).toEqual(pending.map((_, index) => index + 1));
        const answer = await history.since("a", 0, false);
        expect(answer).toMatchObject({ status: "complete", publications: pending.map((_, number) => ({ json: `{"n":${number}}` })) });
      });

      it("are known of the newest, and of none that never was", async () => {
        expect(await history.head("a")).toBeUndefined();
        const positions = await fill("a", 3);
        expect(await history.head("a")).toEqual(positions[2]);
        expect(await history.head("b")).toBeUndefined();
      });
    });

    describe("what is kept", () => {
      it("comes back as it was published", async () => {
        const { position: _, ...whole } = {
          ...publicationOf("a", 0),
          json: '{"big":12345678901234567890,"b":1, "a":2,"t":"\\ud800 \\u0000 é💬"}',
          excludeSid: "s\u00001",
          broadcastType: "presence",
        };
        await history.append(publicationOf("a", 0));
        const position = await history.append(whole);
        const answer = await history.after("a", { ...position, offset: 1 });
        const { receivedAtMs: __, ...fields } = whole;
        expect(answer).toMatchObject({ status: "complete", publications: [{ ...fields, position }], head: position });
      });

      it.each([
        ["text", '"hi\\n"'],
        ["an empty string", '""'],
        ["a number", "-1.50e+300"],
        ["text over several lines", '{\n "a" : [\r\n1 ]\t}\n'],
        ["what looks like a tool's own", '"{\\"epoch\\":\\"x\\",\\"offset\\":7}"'],
        ["a megabyte", JSON.stringify("é".repeat(500_000))],
      ])("may be %s", async (_name, json) => {
        await history.append({ ...publicationOf("a", 0), json });
        const answer = await history.since("a", 0, false);
        expect(answer.status === "complete" && answer.publications[0]!.json === json).toBe(true);
      });

      it("is kept apart by stream, whatever that is called", async () => {
        const check = async (names: readonly string[]): Promise<void> => {
          const before = await allOf(names.map((stream) => history.head(stream)));
          const positions = await allOf(names.map((stream) => history.append({ ...publicationOf(stream, 0), json: text(stream) })));
          const answers = await allOf(
            names.map((stream, at) => history.after(stream, { ...positions[at]!, offset: positions[at]!.offset - 1 })),
          );
          expect(positions.map(({ offset }) => offset)).toEqual(before.map((position) => (position?.offset ?? 0) + 1));
          expect(answers).toMatchObject(
            names.map((stream, at) => ({ publications: [{ stream, json: text(stream), position: positions[at] }] })),
          );
        };
        const text = (stream: string): string => JSON.stringify(`to ${stream}`);
        await check(unlikeNames);
        await fc.assert(fc.asyncProperty(fc.uniqueArray(oddNames, { minLength: 1, maxLength: 20 }), check), { numRuns: 20 });
      });

      it("is as much as is said for the stream", async () => {
        expect([history.keeps("unkept:1"), history.keeps("short:1"), history.keeps("a")]).toEqual([false, true, true]);
        const positions = await fill("short:1", 5);
        expect(offsetsOf(await history.after("short:1", positions[2]!))).toEqual([4, 5]);
        expect(offsetsOf(await history.after("short:1", positions[1]!))).toBe("gone");
        const [first] = await fill("a", 5);
        expect(offsetsOf(await history.after("a", first!))).toEqual([2, 3, 4, 5]);
      });
    });

    describe("after a position", () => {
      it("is all that came later, up to the head", async () => {
        const positions = await fill("a", 5);
        for (const [at, position] of positions.entries()) {
          const answer = await history.after("a", position);
          expect(offsetsOf(answer)).toEqual([1, 2, 3, 4, 5].slice(at + 1));
          expect(answer).toMatchObject({ head: positions[4] });
        }
        expect(offsetsOf(await history.after("a", { ...positions[0]!, offset: 0 }))).toEqual([1, 2, 3, 4, 5]);
      });

      it.each<[string, (at: StreamPosition) => StreamPosition]>([
        ["of another epoch", (at) => ({ ...at, epoch: `${at.epoch}x` })],
        ["of no epoch", (at) => ({ ...at, epoch: "" })],
        ["beyond the head", (at) => ({ ...at, offset: at.offset + 1 })],
        ["far beyond it", (at) => ({ ...at, offset: Number.MAX_SAFE_INTEGER })],
        ["below all", (at) => ({ ...at, offset: -1 })],
      ])("can't be told when that is %s", async (_name, change) => {
        const positions = await fill("a", 3);
        expect(await history.after("a", change(positions[2]!))).toEqual({ status: "gone", why: expect.stringMatching(/./u) });
      });

      it("can't be told of a stream that has none", async () => {
        const [position] = await fill("a", 1);
        expect(offsetsOf(await history.after("b", position!))).toBe("gone");
        expect(offsetsOf(await history.after("b", { ...position!, offset: 0 }))).toBe("gone");
      });

      it("can't be told once the next one is trimmed, and can up to there", async () => {
        const positions = await fill("short:1", 6);
        expect(await Promise.all([0, 3, 4, 5].map(async (at) => offsetsOf(await history.after("short:1", positions[at]!))))).toEqual([
          "gone",
          [5, 6],
          [6],
          [],
        ]);
        expect(offsetsOf(await history.after("short:1", { ...positions[0]!, offset: 0 }))).toBe("gone");
      });

      it("is right for each of many who ask at once", async () => {
        const positions = await fill("a", 20);
        const others = await fill("b", 3);
        const asked = Array.from({ length: 500 }, (_, index) => positions[(index * 7) % 20]!);
        const answers = await allOf([...asked.map((at) => history.after("a", at)), history.after("b", others[0]!)]);
        expect(offsetsOf(answers.pop()!)).toEqual([2, 3]);
        for (const [index, { offset }] of asked.entries()) {
          expect(offsetsOf(answers[index]!)).toEqual(positions.slice(offset).map((position) => position.offset));
        }
      });

      it("has in it what was published before it was asked for", async () => {
        const [first] = await fill("a", 1);
        for (let round = 0; round < 30; round++) {
          // Some ask just before: they must not answer for those who ask later.
          const early = history.after("a", first!);
          const position = await history.append(publicationOf("a", round));
          const late = await history.after("a", first!);
          expect(late).toMatchObject({ status: "complete", head: position });
          expect((await early).status).toBe("complete");
        }
      });
    });

    describe("since a second", () => {
      it("is all of that second and later", async () => {
        const a = await stage.nextSecond();
        await fill("a", 2);
        const b = await stage.nextSecond();
        await fill("a", 1);
        const seconds = [0, a - 1, a, b, b + 1, b + 1_000_000];
        const answers = await allOf(seconds.map((second) => history.since("a", second, false)));
        expect(answers.map(offsetsOf)).toEqual([[1, 2, 3], [1, 2, 3], [1, 2, 3], [3], [], []]);
        for (const answer of answers) expect(answer).toMatchObject({ head: await history.head("a") });
      });

      it("can't be told once something of that second or later is trimmed", async () => {
        const a = await stage.nextSecond();
        await fill("short:1", 1);
        const b = await stage.nextSecond();
        await fill("short:1", 2);
        expect(offsetsOf(await history.since("short:1", a, false))).toBe("gone");
        expect(offsetsOf(await history.since("short:1", a - 1, false))).toBe("gone");
        expect(offsetsOf(await history.since("short:1", b, false))).toEqual([2, 3]);
        await fill("short:1", 1);
        expect(offsetsOf(await history.since("short:1", b, false))).toBe("gone");
      });

      it("is nothing where nothing ever was", async () => {
        const second = await stage.nextSecond();
        for (const isReturning of [false, true]) {
          expect(await history.since("a", second, isReturning)).toEqual({ status: "complete", publications: [], head: undefined });
        }
        expect(await history.since("a", 0, false)).toEqual({ status: "complete", publications: [], head: undefined });
      });

      it("can't be told to one who was here before the store began", async () => {
        const second = await stage.nextSecond();
        await fill("a", 1);
        expect(offsetsOf(await history.since("a", second - 3_600, true))).toBe("gone");
        expect(offsetsOf(await history.since("b", second - 3_600, true))).toBe("gone");
        expect(offsetsOf(await history.since("a", second - 3_600, false))).toEqual([1]);
        expect(offsetsOf(await history.since("a", second, true))).toEqual([1]);
      });
    });

    describe("once its time is up", () => {
      let brief: StreamHistory;
      beforeEach(async () => {
        const ttlMs = stage.rig.shortTtlMs;
        node = await stage.node({ history: () => ({ limit: 500, ttlMs }) });
        brief = node.broker.history!;
      });

      it("is gone, and who is up to date is told so", async () => {
        const second = await stage.nextSecond();
        const positions = await fill("a", 3, brief);
        expect(offsetsOf(await brief.after("a", positions[0]!))).toEqual([2, 3]);
        await stage.until(
          async () => offsetsOf(await brief.after("a", { ...positions[0]!, offset: 0 })) === "gone",
          5 * stage.rig.shortTtlMs + 3_000,
        );
        await stage.until(async () => offsetsOf(await brief.after("a", positions[1]!)) === "gone", 5 * stage.rig.shortTtlMs + 3_000);
        expect(await brief.after("a", positions[2]!)).toEqual({ status: "complete", publications: [], head: positions[2] });
        expect(await brief.head("a")).toEqual(positions[2]);
        expect(offsetsOf(await brief.since("a", second, false))).toBe("gone");
        // Of later seconds nothing is missing.
        const later = await stage.nextSecond();
        expect(await brief.since("a", later, false)).toEqual({ status: "complete", publications: [], head: positions[2] });
        const next = await brief.append(publicationOf("a", 9));
        expect(next).toEqual({ epoch: positions[2]!.epoch, offset: 4 });
        expect(offsetsOf(await brief.after("a", positions[2]!))).toEqual([4]);
        expect(offsetsOf(await brief.after("a", positions[1]!))).toBe("gone");
      });

      it("leaves no hole that looks whole while others are still there", async () => {
        const journal = new Journal();
        for (let round = 0; round < 12; round++) {
          const publication = publicationOf("a", round);
          journal.stored(publication, await brief.append(publication));
          for (const position of journal.positions("a")) journal.check("a", position, await brief.after("a", position));
          await stage.rig.pass(stage.rig.shortTtlMs / 4);
        }
        const first = journal.positions("a")[0]!;
        expect(offsetsOf(await brief.after("a", first))).toBe("gone");
      });
    });

    describe("with a second node", () => {
      it("is one history", async (context) => {
        needs(stage.rig.otherNodes, context);
        const other = (await stage.node()).broker.history!;
        expect(history.scope).toBe("cluster");
        const positions = [await history.append(publicationOf("a", 0)), await other.append(publicationOf("a", 1))];
        expect(positions).toEqual([positions[0], { ...positions[0]!, offset: 2 }]);
        for (const at of [history, other]) {
          await eventually(() => at.head("a")).toEqual(positions[1]);
          expect(await at.after("a", positions[0]!)).toMatchObject({ publications: [{ json: '{"n":1}' }], head: positions[1] });
        }
      });

      it("gives each position once, and all the same order", async (context) => {
        needs(stage.rig.otherNodes, context);
        const other = (await stage.node()).broker.history!;
        const journal = new Journal();
        const streams = ["a", "b", "short:1"];
        await Promise.all(
          Array.from({ length: 300 }, async (_, number) => {
            const publication = publicationOf(streams[number % 3]!, number);
            journal.stored(publication, await (number % 2 === 0 ? history : other).append(publication));
          }),
        );
        for (const stream of streams) {
          const positions = journal.positions(stream);
          expect(positions.map(({ offset }) => offset)).toEqual(positions.map((_, index) => index + 1));
          for (const at of [history, other]) {
            await eventually(() => at.head(stream)).toEqual(positions.at(-1));
            for (const position of positions) journal.check(stream, position, await at.after(stream, position));
          }
        }
      });

      it("answers a prefix of the truth while the other one publishes", async (context) => {
        needs(stage.rig.otherNodes, context);
        const other = (await stage.node()).broker.history!;
        const [start] = await fill("a", 1);
        let isDone = false;
        const publishing = fill("a", 200, other).finally(() => (isDone = true));
        let longest = 0;
        while (!isDone) {
          const answer = await history.after("a", start!);
          if (answer.status === "gone") throw new Error(answer.why);
          expect(answer.publications.map(({ position }) => position!.offset)).toEqual(answer.publications.map((_, index) => index + 2));
          expect(answer.head!.offset).toBe(answer.publications.length + 1);
          expect(answer.publications.length).toBeGreaterThanOrEqual(longest);
          longest = answer.publications.length;
        }
        await publishing;
      });
    });

    it("passes on in the order of positions, where it does that at all", async (context) => {
      if (!history.passesOn) return context.skip("its caller passes publications on");
      await history.follow?.("a");
      const heard = (await stage.rig.hear?.("a")) ?? node.delivered;
      await allOf(Array.from({ length: 100 }, (_, number) => history.append(publicationOf("a", number))));
      await eventually(() => heard.length).toBe(100);
      const epoch = (await history.head("a"))!.epoch;
      expect(heard).toMatchObject(
        Array.from({ length: 100 }, (_, number) => ({ stream: "a", json: `{"n":${number}}`, position: { epoch, offset: number + 1 } })),
      );
      history.unfollow?.("a");
    });

    describe("when its store begins again", () => {
      it("with nothing, no position is good any more, and none is given twice", async (context) => {
        const restart = needs(stage.rig.restartEmpty, context);
        const before = await fill("a", 3);
        const second = Math.floor(stage.rig.nowMs() / 1_000);
        await restart();
        await connected(node);
        await stage.until(async () => (await stateless(() => history.head("a"))) === undefined, 10_000);
        for (const position of before) expect(offsetsOf(await history.after("a", position))).toBe("gone");
        expect(offsetsOf(await history.since("a", second, true))).toBe("gone");
        expect(await history.since("a", second, false)).toEqual({ status: "complete", publications: [], head: undefined });
        const after = await fill("a", 4);
        expect(after.map(({ offset }) => offset)).toEqual([1, 2, 3, 4]);
        expect(after[0]!.epoch).not.toBe(before[0]!.epoch);
        for (const position of before) expect(offsetsOf(await history.after("a", position))).toBe("gone");
        expect(offsetsOf(await history.after("a", after[1]!))).toEqual([3, 4]);
      });

      it("with all that it had, what it answers is whole", async (context) => {
        const restart = needs(stage.rig.restartKept, context);
        const journal = new Journal();
        for (const stream of ["a", "b"]) await journal.publish(history, stream, 15);
        await restart();
        for (const stream of ["b", "a"]) await journal.publish(history, stream, 15);
        expect(await journal.checkAll(history, "a", "b")).toBeGreaterThanOrEqual(30);
      });

      it("with what it had some time ago, it leaves no hole and gives no position twice", async (context) => {
        const snapshot = needs(stage.rig.snapshot, context);
        const journal = new Journal();
        for (const stream of ["a", "b"]) await journal.publish(history, stream, 5);
        const { rollBack } = await snapshot();
        for (const stream of ["a", "b"]) await journal.publish(history, stream, 6);
        const second = Math.floor(stage.rig.nowMs() / 1_000);
        const lost = journal.positions("a").at(-1)!;
        const fresh = await history.append(publicationOf("only later", 0));
        await rollBack();
        await eventually(() => stateless(() => history.after("a", lost))).toMatchObject({ status: "gone" });
        // In a cluster each stream may be on a node of its own, and those come back one by one.
        await eventually(() => stateless(() => history.after("only later", fresh))).toMatchObject({ status: "gone" });
        await eventually(() => stateless(() => history.head("b"))).not.toBeInstanceOf(Error);
        for (const stream of ["a", "only later"]) expect(offsetsOf(await history.since(stream, second, true))).toBe("gone");
        await journal.checkAll(history, "a", "b");
        for (const stream of ["a", "b"]) await journal.publish(history, stream, 8);
        expect(await journal.checkAll(history, "a", "b")).toBeGreaterThanOrEqual(16);
      });
    });

    it("says when it can't be asked, soon, and works again afterwards", async (context) => {
      const freeze = needs(stage.rig.freeze, context);
      const [position] = await fill("a", 1);
      const { thaw } = await freeze();
      const asked = [() => history.head("a"), () => history.after("a", position!), () => history.since("a", 0, false)];
      const errors = await Promise.all([thrownBy(() => history.append(publicationOf("a", 1))), ...asked.map(thrownBy)]);
      expect(errors).toMatchObject([{ code: "publication.unavailable" }, ...asked.map(() => ({ code: "broker.unavailable" }))]);
      await thaw();
      const next = await untilTaken(() => history.append(publicationOf("a", 2)));
      await eventually(() => stateless(() => history.head("a"))).toEqual(next);
    });

    it("can be followed or not", async () => {
      await history.follow?.("a");
      await history.follow?.("b");
      history.unfollow?.("a");
      const [position] = await fill("a", 1);
      expect(await history.head("a")).toEqual(position);
    });
  });
}

/** The answer, or the error as a value: for those who ask until the store is back. */
async function stateless<T>(ask: () => T | Promise<T>): Promise<T | Error> {
  try {
    return await ask();
  } catch (error) {
    return error as Error;
  }
}

/** As a publisher does: tries again while it is told to. */
async function untilTaken<T>(publish: () => T | Promise<T>): Promise<T> {
  let taken: { readonly value: T } | undefined;
  await eventually(async () => {
    const value = await stateless(publish);
    if (value instanceof Error) expect(value).toMatchObject({ code: "publication.unavailable" });
    else taken = { value };
    return taken !== undefined;
  }).toBe(true);
  return taken!.value;
}
