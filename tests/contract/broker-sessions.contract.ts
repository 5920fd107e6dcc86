import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Restorable, SessionStore, StoredSession } from "../../src/broker/broker.ts";
import { allOf, BrokerStage, connected, needs, thrownBy, type BrokerNode, type OpenBrokerRig } from "../support/broker-rig.ts";
import { eventually } from "../support/eventually.ts";
import { oddNames } from "../support/odd-names.ts";

const plain: StoredSession = { identifiers: '{"user":"1"}', isProven: false, wantsDisconnect: true, cstate: {}, subscriptions: [] };

/** A session that changes: what is stored is its state. */
class TestSession implements Restorable {
  readonly sid: string;
  state: StoredSession;

  constructor(sid: string, state: Partial<StoredSession> = {}) {
    this.sid = sid;
    this.state = { ...plain, ...state };
  }

  snapshot(): StoredSession {
    return this.state;
  }

  /** Something that tells its states apart. */
  turn(number: number): this {
    this.state = { ...this.state, identifiers: `{"turn":${number}}` };
    return this;
  }
}

const anybody = (): boolean => true;

/** Every duty of a {@link SessionStore}. */
export function sessionsContract(name: string, open: OpenBrokerRig): void {
  describe(`sessions of the broker ${name}`, () => {
    let stage: BrokerStage;
    let node: BrokerNode;
    let sessions: SessionStore;

    beforeEach(async () => {
      stage = new BrokerStage(await open());
      node = await stage.node();
      sessions = node.broker.sessions!;
    });
    afterEach(() => stage.close());

    /** A node on the same store; on a store of one node, that one. */
    async function elsewhere(): Promise<SessionStore> {
      return stage.rig.otherNodes === true ? (await stage.node()).broker.sessions! : sessions;
    }

    /** Waits until what was written is to be seen from there. */
    async function arrives(at: SessionStore, sid: string): Promise<void> {
      await eventually(async () => {
        let isThere = false;
        await at.take(sid, () => {
          isThere = true;
          return false;
        });
        return isThere;
      }).toBe(true);
    }

    it("keeps a session for whoever takes it, once", async () => {
      const other = await elsewhere();
      sessions.save(new TestSession("s1"));
      await arrives(other, "s1");
      expect(await other.wasTaken("s1")).toBe(false);
      expect(await other.take("s1", anybody)).toEqual(plain);
      expect(await other.take("s1", anybody)).toBeUndefined();
      expect(await sessions.take("s1", anybody)).toBeUndefined();
      expect([await sessions.wasTaken("s1"), await other.wasTaken("s1")]).toEqual([true, true]);
    });

    it("knows nothing of sessions that never were", async () => {
      for (const sid of ["s1", "", "{}", "*", "__proto__", "x".repeat(8_000)]) {
        expect(await sessions.take(sid, anybody), sid).toBeUndefined();
        expect(await sessions.wasTaken(sid), sid).toBe(false);
      }
    });

    it("keeps all of it, however odd", async () => {
      const state: StoredSession = {
        identifiers: 'not even "JSON"\u0000',
        isProven: true,
        wantsDisconnect: false,
        cstate: { ["__proto__"]: "{}", constructor: "", "": "empty key", "ключ 🔑": 'зна"чение\n' },
        subscriptions: [
          { identifier: '{"channel":"A"}', isLocal: true, streams: ["a", "{b}", "c:d"], istate: { $p: "a", ["__proto__"]: "x" } },
          {
            identifier: "__proto__",
            isLocal: false,
            streams: [],
            istate: {},
            presence: { id: "42", info: '{"big":12345678901234567890}' },
          },
          ...Array.from({ length: 1_000 }, (_, at) => ({ identifier: `{"n":${at}}`, isLocal: false, streams: [`s${at}`], istate: {} })),
        ],
      };
      const other = await elsewhere();
      sessions.leave(new TestSession("s1", state));
      await arrives(other, "s1");
      expect(await other.take("s1", anybody)).toEqual(state);
    });

    it("keeps any text as it is", async () => {
      let number = 0;
      await fc.assert(
        fc.asyncProperty(oddNames, oddNames, oddNames, async (key, value, stream) => {
          const sid = `s${++number}`;
          const state = {
            ...plain,
            cstate: { [key]: value },
            subscriptions: [{ identifier: value, isLocal: false, streams: [stream], istate: {} }],
          };
          sessions.save(new TestSession(sid, state));
          expect(await sessions.take(sid, anybody)).toEqual(state);
        }),
        { numRuns: 50 },
      );
    });

    it("is given to nobody who is not liked, and then to one who is", async () => {
      const other = await elsewhere();
      sessions.save(new TestSession("s1"));
      await arrives(other, "s1");
      const seen: StoredSession[] = [];
      expect(await other.take("s1", (stored) => seen.push(stored) < 0)).toBeUndefined();
      expect(seen).toEqual([plain]);
      expect(await other.wasTaken("s1")).toBe(false);
      expect(await other.take("s1", anybody)).toEqual(plain);
    });

    it("is taken by one of many", async () => {
      const other = await elsewhere();
      for (let round = 0; round < 20; round++) {
        const sid = `s${round}`;
        sessions.leave(new TestSession(sid));
        await arrives(other, sid);
        const taken = await allOf([sessions, other, other, sessions].map((at) => at.take(sid, anybody)));
        expect(taken.filter((stored) => stored !== undefined)).toEqual([plain]);
      }
    });

    it("is as it was at the last call, also when all are made at once", async () => {
      const session = new TestSession("s1");
      for (let turn = 1; turn <= 50; turn++) sessions.save(session.turn(turn));
      sessions.leave(session.turn(51));
      expect(await sessions.take("s1", anybody)).toMatchObject({ identifiers: '{"turn":51}' });
      expect(await sessions.wasTaken("s1")).toBe(true);
    });

    it("changes with the session, seen from everywhere", async () => {
      const other = await elsewhere();
      const session = new TestSession("s1");
      for (let turn = 1; turn <= 5; turn++) {
        sessions.save(session.turn(turn));
        const seen: string[] = [];
        await eventually(async () => {
          await other.take("s1", ({ identifiers }) => seen.push(identifiers) < 0);
          return seen.at(-1);
        }).toBe(`{"turn":${turn}}`);
      }
    });

    it("never brings back what was taken", async () => {
      const other = await elsewhere();
      const session = new TestSession("s1");
      sessions.save(session);
      await arrives(other, "s1");
      expect(await other.take("s1", anybody)).toEqual(plain);
      // The node that had the connection has not heard of it yet.
      sessions.save(session.turn(2));
      sessions.extend(["s1"]);
      sessions.leave(session.turn(3));
      expect(await sessions.take("s1", anybody)).toBeUndefined();
      expect(await other.take("s1", anybody)).toBeUndefined();
      expect(await sessions.wasTaken("s1")).toBe(true);
    });

    it("never brings back what was forgotten", async () => {
      const other = await elsewhere();
      const session = new TestSession("s1");
      sessions.save(session);
      await arrives(other, "s1");
      sessions.forget("s1");
      sessions.save(session.turn(2));
      sessions.leave(session.turn(3));
      expect(await sessions.take("s1", anybody)).toBeUndefined();
      expect(await other.take("s1", anybody)).toBeUndefined();
      expect([await sessions.wasTaken("s1"), await other.wasTaken("s1")]).toEqual([false, false]);
    });

    it("forgets one that is being stored", async () => {
      const session = new TestSession("s1");
      sessions.save(session);
      sessions.forget("s1");
      expect(await sessions.take("s1", anybody)).toBeUndefined();
      sessions.forget("never was");
      expect(await sessions.wasTaken("never was")).toBe(false);
    });

    it("leaves sessions alone that others are about", async () => {
      for (let number = 0; number < 200; number++) sessions.save(new TestSession(`s${number}`).turn(number));
      sessions.forget("s7");
      expect(await sessions.take("s8", anybody)).toMatchObject({ identifiers: '{"turn":8}' });
      expect(await sessions.take("s7", anybody)).toBeUndefined();
      for (const number of [0, 9, 199])
        expect(await sessions.take(`s${number}`, anybody)).toMatchObject({ identifiers: `{"turn":${number}}` });
    });

    describe("as time passes", () => {
      let ttlMs: number;
      let brief: SessionStore;
      beforeEach(async () => {
        ttlMs = stage.rig.shortTtlMs * 3;
        brief = (await stage.node({ sessionsTtlMs: ttlMs })).broker.sessions!;
      });

      async function isThere(sid: string): Promise<boolean> {
        const seen: StoredSession[] = [];
        await brief.take(sid, (stored) => seen.push(stored) < 0);
        return seen.length > 0;
      }

      it("keeps those that show signs of life", async () => {
        expect(brief.ttlMs).toBe(ttlMs);
        for (const sid of ["alive", "silent"]) brief.save(new TestSession(sid));
        await arrives(brief, "silent");
        await stage.until(async () => {
          brief.extend(["alive", "never was"]);
          return !(await isThere("silent"));
        }, 5 * ttlMs);
        expect([await isThere("alive"), await isThere("never was"), await brief.wasTaken("silent")]).toEqual([true, false, false]);
        await stage.until(async () => !(await isThere("alive")), 5 * ttlMs);
      });

      it("keeps those that left, from then on", async () => {
        const left = new TestSession("left");
        brief.save(left);
        await stage.rig.pass(ttlMs * 0.7);
        brief.leave(left.turn(2));
        await stage.rig.pass(ttlMs * 0.5);
        expect(await isThere("left")).toBe(true);
        await stage.until(async () => !(await isThere("left")), 5 * ttlMs);
      });

      it("remembers for a while that one was taken", async () => {
        brief.save(new TestSession("s1"));
        expect(await brief.take("s1", anybody)).toEqual(plain);
        expect(await brief.wasTaken("s1")).toBe(true);
        await stage.until(async () => !(await brief.wasTaken("s1")), 5 * ttlMs);
      });
    });

    it("says when it can't be asked, and makes up for what was to be written", async (context) => {
      const freeze = needs(stage.rig.freeze, context);
      const [saved, left, forgotten] = [new TestSession("saved"), new TestSession("left"), new TestSession("forgotten")];
      for (const session of [saved, left, forgotten]) sessions.save(session.turn(1));
      for (const { sid } of [saved, left, forgotten]) await arrives(sessions, sid);
      const { thaw } = await freeze();
      sessions.save(saved.turn(2));
      sessions.save(new TestSession("new"));
      sessions.leave(left.turn(3));
      sessions.forget("forgotten");
      const errors = await Promise.all([thrownBy(() => sessions.take("saved", anybody)), thrownBy(() => sessions.wasTaken("left"))]);
      expect(errors).toMatchObject([{ code: "broker.unavailable" }, { code: "broker.unavailable" }]);
      await thaw();
      await connected(node);
      const other = await elsewhere();
      await arrives(other, "new");
      expect(await other.take("saved", anybody)).toMatchObject({ identifiers: '{"turn":2}' });
      expect(await other.take("left", anybody)).toMatchObject({ identifiers: '{"turn":3}' });
      expect(await other.take("forgotten", anybody)).toBeUndefined();
    });

    it("goes on after its store began again with nothing", async (context) => {
      const restart = needs(stage.rig.restartEmpty, context);
      const session = new TestSession("s1");
      sessions.save(session);
      await arrives(sessions, "s1");
      await restart();
      sessions.leave(session.turn(2));
      await connected(node);
      const other = await elsewhere();
      await arrives(other, "s1");
      expect(await other.take("s1", anybody)).toMatchObject({ identifiers: '{"turn":2}' });
    });
  });
}
