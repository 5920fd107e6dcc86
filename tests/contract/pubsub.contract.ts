import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Logger } from "../../src/logger.ts";
import { createMetrics, type Metrics } from "../../src/metrics/metrics.ts";
import type { Publication, RemoteCommand } from "../../src/publications/publication.ts";
import type { Pubsub } from "../../src/pubsub/pubsub.ts";
import { eventually } from "../support/eventually.ts";
import { recordedLog, type RecordedLog } from "../support/recorded-log.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { settle } from "../support/settle.ts";

/** A medium, and how to get a node onto it. Everything is given back by `close`, the nodes excepted. */
export interface PubsubRig {
  /** A pubsub that has not started, as the node that has it would make it. */
  node(parts: { readonly logger: Logger; readonly metrics: Metrics }): Pubsub;
  /** Absent: the medium is within the process, so it can't be away, nor carry what no node has said. */
  readonly medium?: PubsubMedium;
  close(): Promise<void>;
}

export interface PubsubMedium {
  /** It is gone, as in a crash, and comes back without having kept anything. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  /** What it says itself about who wants what: how many nodes are subscribed, for each of these streams. */
  subscribers(streams: readonly string[]): Promise<readonly number[]>;
  /** How many subjects somebody is subscribed to, besides those that nodes have for themselves. */
  subjects(): Promise<number>;
  /** Says something to all nodes that hear `stream` that no node would say. */
  say(stream: string, message: Buffer): Promise<void>;
  /** Streams with names that mean something to the medium, or to the pubsub. */
  readonly oddStreams: readonly string[];
  /** Streams enough that what was said before arrives before one of them does: where a medium takes several ways. Default: any one will do. */
  readonly markers?: readonly string[];
  /** What the medium can't carry, and why that is so. Default: nothing. */
  readonly cannot?: { readonly carry: (stream: string) => boolean; readonly because: string };
}

class Node {
  readonly heard: Publication[] = [];
  readonly commands: RemoteCommand[] = [];
  readonly metrics = createMetrics();
  readonly log: RecordedLog = recordedLog();
  readonly pubsub: Pubsub;
  missed = 0;

  constructor(rig: PubsubRig) {
    this.pubsub = rig.node({ logger: this.log.logger, metrics: this.metrics });
  }

  async start(): Promise<void> {
    await this.pubsub.start({
      deliver: (publication) => void this.heard.push(publication),
      execute: (command) => void this.commands.push(command),
      missed: () => void this.missed++,
    });
  }

  connected(): Promise<void> {
    return eventually(() => this.pubsub.state?.().isConnected ?? true).toBe(true);
  }

  async subscribe(...streams: readonly string[]): Promise<void> {
    await Promise.all(streams.map(async (stream) => this.pubsub.subscribe(stream)));
  }

  async publish(...said: readonly Publication[]): Promise<void> {
    await Promise.all(said.map(async (one) => this.pubsub.publish(one)));
  }

  /** What was heard, in the order of its numbers: the order of what is in different streams is nobody's promise. */
  inOrder(): string[] {
    const sorted = this.heard.toSorted((one, other) => Number(one.json) - Number(other.json));
    return sorted.map(({ stream, json }) => `${json} ${stream}`);
  }

  /** What was heard of one stream. */
  of(stream: string): string[] {
    return this.heard.filter((publication) => publication.stream === stream).map(({ json }) => json);
  }
}

const lookalikes = [
  "a",
  "A",
  "a*",
  "a?",
  "[a]",
  "a.b",
  "a.*",
  "a.>",
  "a..b",
  ".a",
  "a.",
  " a",
  "a ",
  "a b",
  "{a}",
  "{a}b",
  "a}",
  "}{",
  "{}",
];
const wild = [
  "*",
  "?",
  ".",
  "..",
  ">",
  "%",
  "%2A",
  " ",
  "\t",
  "\n",
  "\u007f",
  "a\u0000b",
  "a\r\nb",
  '"',
  "\\",
  "$SYS.x",
  "_INBOX.x",
  "$JS.API",
];
const unusual = ["чат/1", "💬", "\ud83d", "a\ud800b", "__proto__", "x".repeat(10_000), `${"x".repeat(9_999)}y`];

function publication(stream: string, json: string, more: Partial<Publication> = {}): Publication {
  return { stream, json, excludeSid: undefined, broadcastType: undefined, isTransient: false, receivedAtMs: 0, ...more };
}

/** Every pubsub behaves like this, with so many nodes. `open` makes a medium to which nobody is connected. */
export function pubsubContract(name: string, sizes: readonly number[], open: () => Promise<PubsubRig>): void {
  describe.each(sizes.map((size) => ({ size })))(`pubsub ${name}, nodes: $size`, ({ size }) => {
    let rig: PubsubRig;
    let nodes: Node[];

    beforeEach(async () => {
      rig = await open();
      nodes = Array.from({ length: size }, () => new Node(rig));
      for (const node of nodes) await node.start();
      for (const node of nodes) await node.connected();
      for (const node of nodes) node.missed = 0;
    });
    afterEach(async () => {
      for (const node of nodes) await node.pubsub.stop();
      await rig.close();
    });

    const first = (): Node => nodes[0]!;
    const last = (): Node => nodes.at(-1)!;
    const all = <T>(task: (node: Node, index: number) => T | Promise<T>): Promise<T[]> => Promise.all(nodes.map(task));
    const subscribed = (stream: string): Promise<unknown> => all((node) => node.pubsub.subscribe(stream));

    /** Whatever was on its way to these nodes has arrived when this has. */
    async function caughtUp(among: readonly Node[] = nodes): Promise<void> {
      const markers = rig.medium?.markers ?? ["(marker)"];
      const isMarker = ({ stream }: Publication): boolean => markers.includes(stream);
      for (const node of among) await node.subscribe(...markers);
      await all((node) => node.publish(...markers.map((marker) => publication(marker, "0"))));
      for (const node of among) {
        await eventually(() => node.heard.filter(isMarker).length).toBe(nodes.length * markers.length);
        for (const marker of markers) node.pubsub.unsubscribe(marker);
        node.heard.splice(0, node.heard.length, ...node.heard.filter((one) => !isMarker(one)));
      }
    }

    it("brings a publication, whole, to every node that is subscribed, the publisher included", async () => {
      await subscribed("chat/1");
      const said = [
        publication("chat/1", '{"big":12345678901234567890, "b":1}'),
        publication("chat/1", '"text"', { excludeSid: "s1", broadcastType: "presence", isTransient: true }),
        publication("chat/1", "[1]", { position: { epoch: "e1", offset: 9_007_199_254_740_991 } }),
      ];
      for (const one of said) await first().pubsub.publish(one);
      for (const node of nodes) {
        await eventually(() => node.heard.map((one) => ({ ...one, receivedAtMs: 0 }))).toEqual(said);
      }
    });

    it("brings nothing to a node that never was, or is no longer subscribed", async () => {
      await subscribed("left");
      for (const node of nodes) node.pubsub.unsubscribe("left");
      await caughtUp();
      await first().pubsub.publish(publication("left", "1"));
      await first().pubsub.publish(publication("never", "1"));
      await caughtUp();
      if (rig.medium !== undefined) for (const node of nodes) expect(node.heard).toEqual([]);
      else expect(first().heard.length).toBeLessThanOrEqual(2);
    });

    it("says that a subscription stands when it does, not before", async () => {
      for (let round = 0; round < 100; round++) {
        const stream = `round/${round % 7}`;
        await last().pubsub.subscribe(stream);
        await first().pubsub.publish(publication(stream, String(round)));
        await eventually(() => last().of(stream).at(-1)).toBe(String(round));
        last().pubsub.unsubscribe(stream);
      }
      expect(last().heard).toHaveLength(100);
    });

    it("keeps the order of each publisher, who need not wait", async () => {
      await subscribed("order");
      const numbers = Array.from({ length: 500 }, (_, number) => number);
      await all((node, from) => node.publish(...numbers.map((number) => publication("order", `[${from},${number}]`))));
      for (const node of nodes) {
        await eventually(() => node.heard.length).toBe(500 * size);
        const heard = node.of("order").map((json) => JSON.parse(json) as [number, number]);
        for (const from of nodes.keys()) {
          expect(heard.filter(([publisher]) => publisher === from).map(([, number]) => number)).toEqual(numbers);
        }
      }
    });

    it("brings commands to every node, whatever it is subscribed to", async () => {
      const said: RemoteCommand[] = [
        { command: "disconnect", identifiers: '{"user":"é\\"1"}', reconnect: true },
        { command: "disconnect", identifiers: "", reconnect: false },
        { command: "supersede", sid: "abc" },
      ];
      for (const command of said) await last().pubsub.command(command);
      for (const node of nodes) await eventually(() => node.commands).toEqual(said);
    });

    it("tells streams with odd names apart, and brings each what is its own", async () => {
      const odd = [...lookalikes, ...wild, ...unusual, ...(rig.medium?.oddStreams ?? [])].filter(
        (stream) => !(rig.medium?.cannot?.carry(stream) ?? false),
      );
      for (const node of nodes) await node.subscribe(...odd);
      for (const [at, stream] of odd.entries()) await last().pubsub.publish(publication(stream, String(at)));
      await first().pubsub.command({ command: "supersede", sid: "after" });
      for (const node of nodes) {
        await eventually(() => node.inOrder()).toEqual(odd.map((stream, at) => `${at} ${stream}`));
        // In a cluster, others of before may come late.
        await eventually(() => node.commands.filter((command) => command.command === "supersede" && command.sid === "after")).toHaveLength(
          1,
        );
      }
      // Nobody takes anything away from the nodes by leaving such a stream.
      for (const node of nodes) for (const stream of odd) node.pubsub.unsubscribe(stream);
      await caughtUp();
      await first().pubsub.command({ command: "supersede", sid: "still" });
      for (const node of nodes) await eventually(() => node.commands.at(-1)).toEqual({ command: "supersede", sid: "still" });
      if (rig.medium !== undefined) await eventually(() => rig.medium!.subjects()).toBe(0);
    });

    it("carries big publications", async () => {
      await subscribed("big");
      const json = JSON.stringify("é".repeat(200_000));
      await first().pubsub.publish(publication("big", json));
      await first().pubsub.publish(publication("big", "1"));
      for (const node of nodes) await eventually(() => node.of("big").map((text) => text.length)).toEqual([json.length, 1]);
      expect(last().of("big")[0] === json).toBe(true);
    });

    it("stops before it was started, and twice", async () => {
      const node = new Node(rig);
      await node.pubsub.stop();
      await node.start();
      await node.connected();
      await node.pubsub.subscribe("s");
      await node.pubsub.stop();
      await node.pubsub.stop();
      await first().pubsub.publish(publication("s", "1"));
      await caughtUp();
      expect(node.heard).toEqual([]);
    });

    it.each([1, 2, 3])(
      "ends with exactly what is wanted after many changes under load (seed %d)",
      async (seed) => {
        const random = seededRandom(seed);
        const pick = (count: number): number => Math.floor(random() * count);
        const streams = Array.from({ length: 40 }, (_, number) => `churn/${number}`);
        const wanted = nodes.map(() => new Set<string>());
        const confirmations: (Promise<void> | void)[] = [];
        const said: (Promise<void> | void)[] = [];
        for (let change = 0; change < 3_000; change++) {
          const at = pick(size);
          const stream = streams[pick(streams.length)]!;
          if (wanted[at]!.delete(stream)) nodes[at]!.pubsub.unsubscribe(stream);
          else {
            wanted[at]!.add(stream);
            confirmations.push(nodes[at]!.pubsub.subscribe(stream));
          }
          if (pick(4) === 0) said.push(nodes[pick(size)]!.pubsub.publish(publication(streams[pick(streams.length)]!, "0")));
          // Changes fall into the same turn, into following ones, and before and after answers.
          if (pick(10) === 0) await settle();
          if (pick(50) === 0) await confirmations.at(-1);
        }
        await Promise.all([...confirmations, ...said]);
        if (rig.medium !== undefined) {
          const expected = streams.map((stream) => wanted.filter((set) => set.has(stream)).length);
          await eventually(() => rig.medium!.subscribers(streams)).toEqual(expected);
        }
        await caughtUp();
        for (const node of nodes) node.heard.length = 0;
        for (const stream of streams) await last().pubsub.publish(publication(stream, "1"));
        await caughtUp();
        for (const [at, node] of nodes.entries()) {
          const heard = rig.medium === undefined ? node.heard.filter(({ stream }) => wanted[at]!.has(stream)) : node.heard;
          expect(heard.map(({ stream }) => stream).toSorted()).toEqual(streams.filter((stream) => wanted[at]!.has(stream)).toSorted());
          expect(node.missed).toBe(0);
        }
        for (const [at, node] of nodes.entries()) for (const stream of wanted[at]!) node.pubsub.unsubscribe(stream);
        if (rig.medium !== undefined) await eventually(() => rig.medium!.subjects()).toBe(0);
      },
      60_000,
    );

    describe.skipIf(sizes.length === 1 && sizes[0] === 1)("on a medium that can be away (a node that is alone has none)", () => {
      const medium = (): PubsubMedium => rig.medium!;
      const away = (): Promise<unknown> =>
        all((node) => eventually(() => node.pubsub.state!()).toMatchObject({ isConnected: false, isRequired: true }));

      async function expectRefusals(): Promise<void> {
        const { pubsub } = first();
        for (const attempt of [
          () => pubsub.publish(publication("before", "1")),
          () => pubsub.command({ command: "supersede", sid: "s" }),
        ]) {
          await expect((async () => attempt())()).rejects.toMatchObject({ code: "publication.unavailable" });
        }
      }

      async function backAgain(): Promise<void> {
        for (const node of nodes) await expect.poll(() => node.missed, { timeout: 20_000, interval: 10 }).toBeGreaterThan(0);
        for (const node of nodes) await expect.poll(() => node.pubsub.state!().isConnected, { timeout: 20_000, interval: 10 }).toBe(true);
      }

      it("refuses publications while it is away, and takes and gives up subscriptions, which stand when it is back", async () => {
        await subscribed("before");
        await subscribed("given up");
        await medium().kill();
        await away();
        await expectRefusals();
        expect(first().pubsub.state!().problem).toBeTypeOf("string");
        await subscribed("meanwhile");
        await subscribed("on and off");
        for (const node of nodes) for (const stream of ["given up", "on and off"]) node.pubsub.unsubscribe(stream);
        expect(nodes.map(({ missed }) => missed)).toEqual(nodes.map(() => 0));
        await medium().restart();
        await backAgain();
        const streams = ["before", "meanwhile", "given up", "on and off"];
        expect(await medium().subscribers(streams)).toEqual([size, size, 0, 0]);
        for (const stream of streams) await last().pubsub.publish(publication(stream, "2"));
        await last().pubsub.command({ command: "supersede", sid: "back" });
        for (const node of nodes) {
          await eventually(() => node.heard.map(({ stream }) => stream).toSorted()).toEqual(["before", "meanwhile"]);
          await eventually(() => node.commands).toHaveLength(1);
        }
      }, 60_000);

      it("loses nothing that is published after it said what it missed, as often as that happens", async () => {
        const streams = Array.from({ length: 600 }, (_, number) => `many/${number}`);
        for (const node of nodes) await node.subscribe(...streams);
        for (let times = 1; times <= 2; times++) {
          await medium().kill();
          await away();
          await medium().restart();
          await backAgain();
          for (const [at, stream] of streams.entries()) await first().pubsub.publish(publication(stream, String(at)));
          for (const node of nodes) {
            await eventually(() => node.inOrder()).toEqual(streams.map((stream, at) => `${at} ${stream}`));
            node.heard.length = 0;
            node.missed = 0;
          }
        }
      }, 60_000);

      it("counts messages that make no sense, says so once, and goes on", async () => {
        await subscribed("poisoned");
        const poison: readonly (readonly [string, Buffer])[] = [
          ["nothing", Buffer.alloc(0)],
          ["no JSON", Buffer.from("{")],
          ["binary", Buffer.from([0xff, 0xfe, 0x00, 0x01])],
          ["null", Buffer.from("null")],
          ["a number", Buffer.from("7")],
          ["an empty batch", Buffer.from("[]")],
          ["a batch of nothing", Buffer.from("[null]")],
          ["no data", Buffer.from('{"stream":"poisoned"}')],
          ["data that is no text", Buffer.from('{"stream":"poisoned","data":{"a":1}}')],
          ["a stream that is no text", Buffer.from('{"stream":7,"data":"1"}')],
          ["meta that is no object", Buffer.from('{"stream":"poisoned","data":"1","meta":7}')],
          ["an offset that is none", Buffer.from('{"stream":"poisoned","data":"1","epoch":"e","offset":-1}')],
          ["a command without payload", Buffer.from('{"command":"disconnect"}')],
          ["a supersede without sid", Buffer.from('{"command":"supersede","payload":{"sid":{}}}')],
          ["a command of the future", Buffer.from('{"command":"dance","payload":{}}')],
          ["deep", Buffer.from("[".repeat(100_000))],
          ["long", Buffer.from(JSON.stringify({ stream: "poisoned", data: 1, more: "x".repeat(500_000) }))],
        ];
        for (const [, message] of poison) await medium().say("poisoned", message);
        await last().pubsub.publish(publication("poisoned", '"fine"'));
        for (const node of nodes) {
          await eventually(() => node.of("poisoned")).toEqual(['"fine"']);
          // Somebody else's connection, or another shard's, may be later than ours.
          await eventually(() => node.metrics.counters.failed_pubsub_msg_total).toBe(poison.length);
          expect(node.commands).toEqual([]);
          expect(node.log.messages().filter((text) => /not understood/.test(text))).toHaveLength(1);
          expect(node.missed).toBe(0);
        }
      });

      it("leaves nothing behind at the medium when it is stopped", async () => {
        await subscribed("s");
        for (const node of nodes) void node.pubsub.subscribe("on its way");
        for (const node of nodes) await node.pubsub.stop();
        await eventually(() => medium().subjects()).toBe(0);
        expect(first().pubsub.state!().isConnected).toBe(false);
        await expectRefusals();
      });
    });
  });
}
