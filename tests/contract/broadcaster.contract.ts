import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Broadcaster } from "../../src/broadcasters/broadcaster.ts";
import { CableError } from "../../src/errors.ts";
import { parseBroadcast } from "../../src/publications/parse.ts";
import type { Publication } from "../../src/publications/publication.ts";

/** What the publisher is told. `untold`: the medium has no answers. */
export type Answer = "accepted" | "malformed" | "unavailable" | "failed" | "untold";

export interface BroadcasterRig {
  readonly broadcaster: Broadcaster;
  /** Says these bodies over one connection, in order, without waiting for answers in between. Resolves when the medium has taken all. */
  publish(...bodies: string[]): Promise<Answer[]>;
  /** Gives back what `open` took, the broadcaster excepted. */
  close(): Promise<void>;
}

/** Every broadcaster behaves like this. `open` makes one that has not started, with a publisher's side that works. */
export function broadcasterContract(name: string, open: () => Promise<BroadcasterRig>): void {
  describe(`broadcaster ${name}`, () => {
    let rig: BroadcasterRig;
    let bodies: string[];

    beforeEach(async () => {
      rig = await open();
      bodies = [];
    });
    afterEach(async () => {
      await rig.broadcaster.stop();
      await rig.close();
    });

    async function start(accept: (body: string) => Promise<void> | void = (body) => void bodies.push(body)): Promise<void> {
      await rig.broadcaster.start(accept);
      await vi.waitFor(() => expect(rig.broadcaster.state?.().isConnected ?? true).toBe(true), { timeout: 10_000 });
    }

    function expectAnswers(answers: readonly Answer[], expected: readonly Answer[]): void {
      expect(answers.filter((answer, at) => answer !== "untold" && answer !== expected[at])).toEqual([]);
      expect(answers).toHaveLength(expected.length);
    }

    async function heard(count: number): Promise<void> {
      await vi.waitFor(() => expect(bodies.length).toBeGreaterThanOrEqual(count), { timeout: 10_000 });
    }

    it("passes bodies on as they are, in the order of one publisher", async () => {
      await start();
      const said = Array.from({ length: 500 }, (_, number) => `{"stream":"s","data":"${number}"}`);
      expectAnswers(
        await rig.publish(...said),
        said.map(() => "accepted"),
      );
      await heard(said.length);
      expect(bodies).toEqual(said);
    });

    it("hands over a batch as one body", async () => {
      await start();
      const batch = `[{"stream":"a","data":"1"},{"stream":"b","data":"2"}]`;
      expectAnswers(await rig.publish(batch), ["accepted"]);
      await heard(1);
      expect(bodies).toEqual([batch]);
    });

    it("goes on after bodies that are not accepted, however that is told", async () => {
      const isRepeated = (body: string): boolean => bodies.filter((one) => one === body).length > 1;
      await start((body) => {
        bodies.push(body);
        if (body === "thrown") throw new CableError("publication.malformed", "thrown");
        if (body === "unavailable" && !isRepeated(body)) throw new CableError("publication.unavailable", "not now");
        if (body === "fault") throw new TypeError("a fault of ours");
        return body === "rejected" ? Promise.reject(new CableError("publication.malformed", "rejected")) : undefined;
      });
      const answers = await rig.publish("thrown", "rejected", "unavailable", "fault", "fine");
      expectAnswers(answers, ["malformed", "malformed", "unavailable", "failed", "accepted"]);
      await vi.waitFor(() => expect(bodies.at(-1)).toBe("fine"), { timeout: 10_000 });
      // A medium that keeps what was not accepted tries again what may succeed, before it goes on.
      expect(bodies.filter((body, at) => body !== bodies[at - 1])).toEqual(["thrown", "rejected", "unavailable", "fault", "fine"]);
      for (const body of ["thrown", "rejected", "fine"]) expect(isRepeated(body)).toBe(false);
    });

    it("carries odd streams and texts unharmed to the parser", async () => {
      const publications: Publication[] = [];
      await start((body) => {
        bodies.push(body);
        for (const item of parseBroadcast(body, 0)) if ("stream" in item) publications.push(item);
      });
      const streams = [" ", "*", "a\u0000b", "чат/1", "💬", "__proto__", 'quote"s', "new\nline", "x".repeat(10_000)];
      const said = streams.map((stream) => JSON.stringify({ stream, data: JSON.stringify({ to: stream }) }));
      expectAnswers(
        await rig.publish(...said),
        said.map(() => "accepted"),
      );
      await heard(said.length);
      expect(publications.map(({ stream }) => stream)).toEqual(streams);
      expect(publications.map(({ json }) => JSON.parse(json) as unknown)).toEqual(streams.map((to) => ({ to })));
    });

    it("carries big bodies", async () => {
      await start();
      const said = [JSON.stringify({ stream: "big", data: "é".repeat(3_000_000) }), `{"stream":"s","data":"after"}`];
      expectAnswers(await rig.publish(...said), ["accepted", "accepted"]);
      await heard(2);
      expect(bodies[0] === said[0]).toBe(true);
      expect(bodies[1]).toBe(said[1]);
    });

    it("accepts nothing once it is told to stop", async () => {
      await start();
      expectAnswers(await rig.publish("before"), ["accepted"]);
      await heard(1);
      await rig.broadcaster.stop();
      expectAnswers(await rig.publish("after", "after"), ["unavailable", "unavailable"]);
      expect(bodies).toEqual(["before"]);
    });

    it("stops before it was started, and twice", async () => {
      await rig.broadcaster.stop();
      await rig.broadcaster.stop();
      expectAnswers(await rig.publish("nobody hears this"), ["unavailable"]);
      expect(bodies).toEqual([]);
    });
  });
}
