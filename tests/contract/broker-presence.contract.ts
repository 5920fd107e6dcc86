import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { PresenceMember, PresenceStore } from "../../src/broker/broker.ts";
import { allOf, BrokerStage, connected, needs, thrownBy, type BrokerNode, type OpenBrokerRig } from "../support/broker-rig.ts";
import { eventually } from "../support/eventually.ts";
import { oddNames, unlikeNames } from "../support/odd-names.ts";

function member(stream: string, sid: string, id: string, info = `{"name":"${id}"}`): PresenceMember {
  return { stream, sid, id, info };
}

/** Every duty of a {@link PresenceStore}. */
export function presenceContract(name: string, open: OpenBrokerRig): void {
  describe(`presence of the broker ${name}`, () => {
    let stage: BrokerStage;
    let node: BrokerNode;
    let presence: PresenceStore;

    beforeEach(async () => {
      stage = new BrokerStage(await open());
      node = await stage.node();
      presence = node.broker.presence!;
    });
    afterEach(() => stage.close());

    /** A node on the same store; on a store of one node, that one. */
    async function elsewhere(): Promise<PresenceStore> {
      return stage.rig.otherNodes === true ? (await stage.node()).broker.presence! : presence;
    }

    const idsIn = async (stream: string, at = presence): Promise<readonly string[]> =>
      (await at.info(stream, true)).records!.map(({ id }) => id);

    it("tells the first session of an id from others, and the last", async () => {
      const other = await elsewhere();
      expect(await presence.join(member("a", "s1", "42"))).toBe(true);
      expect(await other.join(member("a", "s2", "42"))).toBe(false);
      expect(await other.join(member("a", "s3", "43"))).toBe(true);
      expect(await presence.join(member("b", "s1", "42"))).toBe(true);
      expect(await presence.info("a", false)).toEqual({ total: 2 });
      expect(await presence.leave("a", "s1")).toBeUndefined();
      expect(await other.leave("a", "s2")).toBe("42");
      expect(await other.leave("a", "s2")).toBeUndefined();
      expect(await presence.leave("a", "never was")).toBeUndefined();
      expect(await presence.leave("never was", "s1")).toBeUndefined();
      expect(await other.info("a", true)).toEqual({ total: 1, records: [{ id: "43", info: '{"name":"43"}' }] });
      expect(await presence.join(member("a", "s1", "42"))).toBe(true);
      expect(await other.info("b", false)).toEqual({ total: 1 });
    });

    it("shows who is there in the order in which they came, as they said last", async () => {
      const other = await elsewhere();
      expect(await presence.info("a", true)).toEqual({ total: 0, records: [] });
      for (const id of ["c", "a", "b", "10", "9"]) expect(await presence.join(member("a", `s-${id}`, id))).toBe(true);
      // Neither a change nor a second session makes anybody a newcomer.
      expect(await presence.join(member("a", "s-a", "a", '"new"'))).toBe(false);
      expect(await other.join(member("a", "s-c2", "c", "null"))).toBe(false);
      expect(await presence.leave("a", "s-c")).toBeUndefined();
      expect(await other.info("a", true)).toEqual({
        total: 5,
        records: [
          { id: "c", info: "null" },
          { id: "a", info: '"new"' },
          { id: "b", info: '{"name":"b"}' },
          { id: "10", info: '{"name":"10"}' },
          { id: "9", info: '{"name":"9"}' },
        ],
      });
      expect(await presence.leave("a", "s-a")).toBe("a");
      expect(await presence.join(member("a", "s-a", "a"))).toBe(true);
      expect(await idsIn("a")).toEqual(["c", "b", "10", "9", "a"]);
    });

    it("refuses a session that is there as somebody else, and leaves things as they were", async () => {
      await presence.join(member("a", "s1", "42"));
      expect(await thrownBy(() => presence.join(member("a", "s1", "43")))).toMatchObject({ code: "command.presence_mismatch" });
      expect(await presence.info("a", true)).toEqual({ total: 1, records: [{ id: "42", info: '{"name":"42"}' }] });
      expect(await presence.leave("a", "s1")).toBe("42");
      expect(await presence.join(member("a", "s1", "43"))).toBe(true);
    });

    it("keeps ids, sessions and streams apart, whatever they are called", async () => {
      const names = unlikeNames.filter((each) => each.length < 1_000);
      for (const id of names) expect(await presence.join(member("all", id, id, JSON.stringify(id))), id).toBe(true);
      expect(await presence.info("all", true)).toEqual({
        total: names.length,
        records: names.map((id) => ({ id, info: JSON.stringify(id) })),
      });
      for (const stream of unlikeNames) expect(await presence.join(member(stream, "s", stream)), stream).toBe(true);
      for (const stream of unlikeNames) expect(await presence.leave(stream, "s"), stream).toBe(stream);
      await fc.assert(
        fc.asyncProperty(oddNames, oddNames, fc.json(), async (stream, id, info) => {
          expect(await presence.join({ stream: `p${stream}`, sid: "s1", id, info })).toBe(true);
          expect(await presence.info(`p${stream}`, true)).toEqual({ total: 1, records: [{ id, info }] });
          expect(await presence.leave(`p${stream}`, "s1")).toBe(id);
        }),
        { numRuns: 50 },
      );
    });

    it("counts many", async () => {
      const joins = Array.from({ length: 1_000 }, (_, at) => presence.join(member("a", `s${at}`, `${at % 300}`)));
      const answers = await allOf(joins);
      expect(answers.filter(Boolean)).toHaveLength(300);
      expect(await presence.info("a", false)).toEqual({ total: 300 });
    });

    it("tells one of many who join or leave as the same", async () => {
      const other = await elsewhere();
      for (let round = 0; round < 20; round++) {
        const joined = await allOf([presence, other, presence, other].map((at, index) => at.join(member("a", `s${index}`, "42"))));
        expect(joined.filter(Boolean)).toHaveLength(1);
        const left = await allOf([other, other, presence, presence].map((at, index) => at.leave("a", `s${index}`)));
        expect(left.filter((id) => id !== undefined)).toEqual(["42"]);
      }
    });

    describe("as time passes", () => {
      let ttlMs: number;
      let brief: BrokerNode;
      let briefPresence: PresenceStore;
      const patienceMs = (): number => 5 * ttlMs + 5_000;

      beforeEach(async () => {
        ttlMs = stage.rig.shortTtlMs * 2;
        brief = await stage.node({ presenceTtlMs: ttlMs });
        briefPresence = brief.broker.presence!;
        await stage.stop(node);
      });

      it("keeps those who show signs of life, and says once that the others are gone", async () => {
        expect(briefPresence.ttlMs).toBe(ttlMs);
        const alive = [member("a", "s1", "42"), member("b", "s1", "42")];
        for (const each of [...alive, member("a", "s2", "43"), member("a", "s3", "42"), member("c", "s4", "44")])
          await briefPresence.join(each);
        await stage.until(async () => {
          await briefPresence.keep(alive);
          return brief.expired.length >= 2;
        }, patienceMs());
        expect(new Set(brief.expired.map(String))).toEqual(new Set(["a,43", "c,44"]));
        expect(brief.expired).toHaveLength(2);
        expect(await briefPresence.info("a", true)).toEqual({ total: 1, records: [{ id: "42", info: '{"name":"42"}' }] });
        expect(await briefPresence.info("c", true)).toEqual({ total: 0, records: [] });
        // The last of 42 is the one that was kept alive.
        expect(await briefPresence.leave("a", "s1")).toBe("42");
      });

      it("takes a join for a sign of life, and nobody who left for gone", async () => {
        await briefPresence.join(member("a", "s1", "42"));
        await briefPresence.join(member("a", "s2", "43"));
        expect(await briefPresence.leave("a", "s2")).toBe("43");
        for (let step = 0; step < 8; step++) {
          await stage.rig.pass(ttlMs / 4);
          expect(await briefPresence.join(member("a", "s1", "42"))).toBe(false);
        }
        expect(brief.expired).toEqual([]);
        await stage.until(() => brief.expired.length > 0, patienceMs());
        expect(brief.expired).toEqual([["a", "42"]]);
      });

      it("is told on one node, and of nodes that are gone", async (context) => {
        needs(stage.rig.otherNodes, context);
        const others = [await stage.node({ presenceTtlMs: ttlMs }), await stage.node({ presenceTtlMs: ttlMs })];
        const killed = await stage.node({ presenceTtlMs: ttlMs });
        const all = Array.from({ length: 60 }, (_, at) => member(`stream ${at % 20}`, `s${at}`, `id ${at}`));
        for (const [at, each] of all.entries()) await [brief, ...others, killed][at % 4]!.broker.presence!.join(each);
        const kept = all.filter((_, at) => at % 4 !== 3);
        await stage.stop(killed);
        const told = (): [string, string][] => [brief, ...others].flatMap(({ expired }) => expired);
        await stage.until(async () => {
          for (const [at, each] of [brief, ...others].entries()) {
            await each.broker.presence!.keep(kept.filter((_, index) => index % 3 === at));
          }
          return told().length >= 15;
        }, patienceMs());
        const lost = all.filter((_, at) => at % 4 === 3);
        expect(new Set(told().map(String))).toEqual(new Set(lost.map(({ stream, id }) => `${stream},${id}`)));
        expect(told()).toHaveLength(lost.length);
        expect(await briefPresence.info("stream 0", false)).toEqual({ total: kept.filter(({ stream }) => stream === "stream 0").length });
      });

      it("says that somebody came and went in turns", async () => {
        const heard: string[] = [];
        for (let round = 0; round < 3; round++) {
          if (await briefPresence.join(member("a", `s${round}`, "42"))) heard.push("join");
          await stage.until(() => brief.expired.length > round, patienceMs());
          heard.push("leave");
        }
        expect(heard).toEqual(["join", "leave", "join", "leave", "join", "leave"]);
        expect(brief.expired).toHaveLength(3);
      });
    });

    it("puts those back who are alive, without a word", async () => {
      const other = await elsewhere();
      await presence.join(member("a", "s1", "42"));
      await presence.keep([member("a", "s1", "42", '"as it is now"'), member("a", "s2", "43"), member("b", "s2", "43")]);
      expect((await other.info("a", true)).records).toMatchObject([{ id: "42" }, { id: "43", info: '{"name":"43"}' }]);
      expect(await other.join(member("a", "s3", "43"))).toBe(false);
      expect(await presence.leave("b", "s2")).toBe("43");
      await presence.keep([]);
    });

    it("has everybody back after its store began again with nothing", async (context) => {
      const restart = needs(stage.rig.restartEmpty, context);
      const members = [member("a", "s1", "42"), member("a", "s2", "42"), member("a", "s3", "43"), member("b", "s1", "42")];
      for (const each of members) await presence.join(each);
      await restart();
      await connected(node);
      await presence.keep(members);
      expect((await presence.info("a", true)).records!.map(({ id }) => id).toSorted()).toEqual(["42", "43"]);
      expect(await presence.leave("a", "s1")).toBeUndefined();
      expect(await presence.leave("a", "s2")).toBe("42");
      expect(node.expired).toEqual([]);
    });

    it("says when it can't be asked, soon, and works again afterwards", async (context) => {
      const freeze = needs(stage.rig.freeze, context);
      await presence.join(member("a", "s1", "42"));
      const { thaw } = await freeze();
      const calls = [
        () => presence.join(member("a", "s2", "43")),
        () => presence.leave("a", "s3"),
        () => presence.keep([member("a", "s1", "42")]),
        () => presence.info("a", true),
        () => presence.info("a", false),
      ];
      const errors = await Promise.all(calls.map(thrownBy));
      expect(errors).toMatchObject(calls.map(() => ({ code: "broker.unavailable" })));
      await thaw();
      await eventually(async () => {
        const error = await thrownOrNothing(() => presence.keep([member("a", "s1", "42")]));
        return error;
      }).toBeUndefined();
      expect(await idsIn("a")).toContain("42");
    });
  });
}

async function thrownOrNothing(call: () => unknown): Promise<unknown> {
  try {
    await call();
    return undefined;
  } catch (error) {
    return error;
  }
}
