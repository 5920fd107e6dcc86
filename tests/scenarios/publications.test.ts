import { createClient } from "@redis/client";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { CableClient, publicStream, type Received } from "../support/cable-client.ts";
import { startRedis } from "../support/redis-server.ts";
import { standalone, startRopeway, type Ropeway } from "../support/ropeway.ts";

/** Publishes one text, as an application would, and resolves when Ropeway has dealt with it. */
type Publish = (body: string) => Promise<void>;

interface Way {
  readonly ropeway: Ropeway;
  readonly publish: Publish;
  stop(): Promise<void>;
}

async function overHttp(): Promise<Way> {
  const ropeway = await startRopeway(standalone);
  return {
    ropeway,
    async publish(body) {
      const headers = { authorization: "Bearer test-broadcast-key" };
      await (await fetch(ropeway.http("/_broadcast"), { method: "POST", headers, body })).arrayBuffer();
    },
    stop: async () => void (await ropeway.stop()),
  };
}

async function overRedis(): Promise<Way> {
  const redis = await startRedis();
  const url = `redis://127.0.0.1:${redis.port}`;
  const ropeway = await startRopeway([...standalone, "--broadcast_adapter=http,redis", `--redis_url=${url}`]);
  const client = createClient({ url });
  await client.connect();
  await vi.waitFor(async () => {
    if ((await client.publish("__anycable__", '{"stream":"is it there","data":"1"}')) === 0) throw new Error("nobody listens to Redis");
  }, 5_000);
  const handled = async (): Promise<number> =>
    (await ropeway.metric("anycable_go_publications_total")) + (await ropeway.metric("anycable_go_failed_broadcast_msg_total"));
  return {
    ropeway,
    async publish(body) {
      const before = await handled();
      await client.publish("__anycable__", body);
      await expect.poll(handled).toBeGreaterThan(before);
    },
    async stop() {
      client.destroy();
      await ropeway.stop();
      await redis.kill();
    },
  };
}

describe.each([
  ["HTTP", overHttp],
  ["Redis", overRedis],
])("what the application publishes over %s", (_name, start) => {
  let way: Way;
  const clients: CableClient[] = [];

  beforeAll(async () => {
    way = await start();
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) await client.close();
    await way.ropeway.metricBecomes("anycable_go_broadcast_streams_num", 0);
  });

  afterAll(() => way.stop());

  const publish = (body: unknown): Promise<void> => way.publish(JSON.stringify(body));

  async function listener(...streams: readonly string[]): Promise<{ client: CableClient; sid: string }> {
    const client = new CableClient(way.ropeway.cable);
    clients.push(client);
    const { sid } = await client.next();
    for (const stream of streams) expect(await client.subscribe(publicStream(stream))).toMatchObject({ type: "confirm_subscription" });
    return { client, sid: String(sid) };
  }

  const data = (stream: string, message: unknown): Received => ({ identifier: publicStream(stream), message });

  it("is heard by those who listen to the stream, and by nobody else", async () => {
    const [{ client: one }, { client: both }, { client: none }] = [await listener("a"), await listener("a", "b"), await listener("c")];
    await publish({ stream: "a", data: '{"n":1}' });
    await publish({ stream: "b", data: '{"n":2}' });
    await publish({ stream: "A", data: '{"n":3}' });
    expect(await one.sync()).toEqual([data("a", { n: 1 })]);
    expect(await both.sync()).toEqual([data("a", { n: 1 }), data("b", { n: 2 })]);
    expect(await none.sync()).toEqual([]);
    both.say({ command: "unsubscribe", identifier: publicStream("a") });
    await both.sync();
    await publish({ stream: "a", data: '{"n":4}' });
    expect(await both.sync()).toEqual([]);
    expect(await one.sync()).toEqual([data("a", { n: 4 })]);
  });

  it.each([
    ["an object, with its order, spaces and numbers", '{ "z":1, "a":12345678901234567890, "f":1.0, "e":1E2, "z":2 }', undefined],
    ["an object over several lines", '{\n\t"a": [1,\r\n2]\n}', undefined],
    ["escapes and what is never escaped", '{"a":"\\u003cb\\u003e<b>&\\/é\u2028💥"}', undefined],
    ["keys that mean something to JavaScript", '{"__proto__":{"x":1},"constructor":1,"toString":null}', undefined],
    ["a number too large for anybody", "1e999", undefined],
    ["a string that holds JSON", '"{\\"a\\":1}"', undefined],
    ["false", "false", undefined],
    ["zero", "0", undefined],
    ["an empty string of JSON", '""', undefined],
    ["an empty array", "[]", undefined],
    ["null, which becomes text", "null", '"null"'],
    ["nothing at all", "", '""'],
    ["plain text", 'hello "you" \\ <script>', '"hello \\"you\\" \\\\ <script>"'],
    ["nearly JSON", '{"a":1,}', '"{\\"a\\":1,}"'],
    ["not quite a number", "NaN", '"NaN"'],
    ["JSON and then some", '{"a":1} x', '"{\\"a\\":1} x"'],
  ])("arrives as it was: %s", async (_what, text, embedded) => {
    const { client } = await listener("s");
    const heard = new Promise<string>((resolve) => client.socket.once("message", (bytes: Buffer) => resolve(bytes.toString())));
    await publish({ stream: "s", data: text });
    expect(await heard).toBe(`{"identifier":${JSON.stringify(publicStream("s"))},"message":${embedded ?? text}}`);
  });

  it("spares the session that caused it, and only that one", async () => {
    const [{ client: one, sid }, { client: two }] = [await listener("a", "b"), await listener("a")];
    await publish({ stream: "a", data: "1", meta: { exclude_socket: sid } });
    await publish({ stream: "b", data: "2", meta: { exclude_socket: `${sid}x` } });
    await publish({ stream: "a", data: "3", meta: { exclude_socket: "" } });
    await publish({ stream: "a", data: "4", meta: null });
    expect(await one.sync()).toEqual([data("b", 2), data("a", 3), data("a", 4)]);
    expect(await two.sync()).toEqual([data("a", 1), data("a", 3), data("a", 4)]);
  });

  it("comes once for each identifier that listens", async () => {
    const { client } = await listener("s");
    const { client: other } = await listener("s");
    const second = JSON.stringify({ stream_name: "s", channel: "$pubsub", tab: 2 });
    expect(await client.subscribe(second)).toEqual({ type: "confirm_subscription", identifier: second });
    await publish({ stream: "s", data: "1" });
    expect(await client.sync()).toEqual([data("s", 1), { identifier: second, message: 1 }]);
    expect(await other.sync()).toEqual([data("s", 1)]);
    client.say({ command: "unsubscribe", identifier: publicStream("s") });
    await client.sync();
    await publish({ stream: "s", data: "2" });
    expect(await client.sync()).toEqual([{ identifier: second, message: 2 }]);
  });

  it("may be a batch, in its order over all streams, and counts each", async () => {
    const { client, sid } = await listener("a", "b");
    const before = await way.ropeway.metric("anycable_go_publications_total");
    await publish([
      { stream: "a", data: "1" },
      { stream: "b", data: "2" },
      { stream: "a", data: "3", meta: { exclude_socket: sid } },
      { stream: "nobody", data: "4" },
      { stream: "b", data: "5", meta: { transient: true } },
      { stream: "a", data: "6" },
    ]);
    expect(await client.sync()).toEqual([data("a", 1), data("b", 2), data("b", 5), data("a", 6)]);
    expect((await way.ropeway.metric("anycable_go_publications_total")) - before).toBe(6);
  });

  it("is nothing when one element of a batch is wrong", async () => {
    const { client } = await listener("a");
    const before = await way.ropeway.metric("anycable_go_failed_broadcast_msg_total");
    for (const bad of [null, {}, { stream: "a" }, { stream: "a", data: 1 }, { stream: "a", data: "1", meta: { exclude_socket: 1 } }]) {
      await publish([{ stream: "a", data: "1" }, bad]);
    }
    expect(await client.sync()).toEqual([]);
    expect((await way.ropeway.metric("anycable_go_failed_broadcast_msg_total")) - before).toBe(5);
  });

  it("carries the type of its meta, in front", async () => {
    const { client } = await listener("s");
    const texts: string[] = [];
    client.socket.on("message", (bytes: Buffer) => texts.push(bytes.toString()));
    await publish({ stream: "s", data: '{"type":"join","id":"1"}', meta: { broadcast_type: "presence", transient: true } });
    await publish({ stream: "s", data: "1", meta: { broadcast_type: "" } });
    await client.sync();
    const identifier = JSON.stringify(publicStream("s"));
    expect(texts.slice(0, 2)).toEqual([
      `{"type":"presence","identifier":${identifier},"message":{"type":"join","id":"1"}}`,
      `{"identifier":${identifier},"message":1}`,
    ]);
  });

  it("may be of any size that a publisher may send", async () => {
    const { client } = await listener("s");
    const text = "x".repeat(5 * 1024 * 1024);
    await publish({ stream: "s", data: JSON.stringify({ text }) });
    expect(await client.next()).toEqual(data("s", { text }));
  });

  it("is counted and otherwise ignored when it is a command that nobody knows", async () => {
    const { client } = await listener("s");
    const before = await way.ropeway.metric("anycable_go_remote_commands_total");
    await publish({ command: "dance", payload: { identifier: "x" } });
    expect((await way.ropeway.metric("anycable_go_remote_commands_total")) - before).toBe(1);
    expect(await client.sync()).toEqual([]);
  });

  it("is heard by everybody in the same order, and that of each publisher", async () => {
    const listeners = [await listener("s"), await listener("t", "s"), await listener("s")];
    const before = await way.ropeway.metric("anycable_go_publications_total");
    await Promise.all(
      Array.from({ length: 5 }, async (_, publisher) => {
        for (let number = 0; number < 20; number++) await publish({ stream: "s", data: JSON.stringify({ publisher, number }) });
      }),
    );
    await way.ropeway.metricBecomes("anycable_go_publications_total", before + 100);
    const [first, ...others] = await Promise.all(listeners.map(({ client }) => client.sync()));
    expect(first).toHaveLength(100);
    for (const other of others) expect(other).toEqual(first);
    for (let publisher = 0; publisher < 5; publisher++) {
      const messages = first!.map(({ message }) => message as { publisher: number; number: number });
      const numbers = messages.filter((message) => message.publisher === publisher).map(({ number }) => number);
      expect(numbers).toEqual(Array.from({ length: 20 }, (_, number) => number));
    }
  });
});
