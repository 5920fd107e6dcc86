// The extended protocol, as AnyCable's own client speaks it: against one node that keeps everything itself, and against two nodes that share a
// Redis, between which the client moves.

import { createCable, Monitor, type Cable, type Channel } from "@anycable/core";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { startRedis, type RedisServer } from "../support/redis-server.ts";
import { standalone, startRopeway, type Ropeway } from "../support/ropeway.ts";

interface Nodes {
  /** Where the client connects first, and where it comes back to. */
  readonly first: Ropeway;
  readonly second: Ropeway;
  stop(): Promise<void>;
}

async function oneNode(): Promise<Nodes> {
  const ropeway = await startRopeway([...standalone, "--broker=memory", "--presence_ttl=3"]);
  return { first: ropeway, second: ropeway, stop: async () => void (await ropeway.stop()) };
}

async function twoNodes(): Promise<Nodes> {
  const redis: RedisServer = await startRedis();
  const flags = [...standalone, "--broker=redis", `--redis_url=redis://127.0.0.1:${redis.port}`, "--presence_ttl=3"];
  const [first, second] = await Promise.all([startRopeway(flags), startRopeway(flags)]);
  await Promise.all([first.becomesReady(), second.becomesReady()]);
  return {
    first,
    second,
    async stop() {
      await Promise.all([first.stop(), second.stop()]);
      await redis.kill();
    },
  };
}

describe.each([
  ["one node with the memory broker", oneNode],
  ["two nodes that share a Redis", twoNodes],
])("@anycable/core with the extended protocol, %s", (_what, start) => {
  let nodes: Nodes;
  beforeAll(async () => {
    nodes = await start();
  });
  afterAll(() => nodes.stop());

  let rooms = 0;
  const newRoom = (): string => `room/${++rooms}`;

  /** Every connection of the client, the newest last; where the next one goes is decided by `at`. */
  function cableFor(options: { readonly historyTimestamp?: number | false } = {}): {
    readonly cable: Cable;
    readonly sockets: WebSocket[];
    at: Ropeway;
  } {
    const sockets: WebSocket[] = [];
    const route = { at: nodes.first };
    class RoutedSocket extends WebSocket {
      constructor(url: string, protocols: string | string[]) {
        super(`${route.at.cable}${new URL(url).search}`, protocols);
        sockets.push(this);
      }
    }
    const cable = createCable("ws://cable.test/cable", {
      protocol: "actioncable-v1-ext-json",
      protocolOptions: options as never,
      websocketImplementation: RoutedSocket as never,
      logLevel: "error",
      reconnectStrategy: () => 50,
    });
    onTestFinished(() => {
      cable.disconnect();
      if (cable.monitor instanceof Monitor) cable.monitor.dispose();
    });
    return Object.assign(route, { cable, sockets });
  }

  function hearing(channel: Channel): unknown[] {
    const messages: unknown[] = [];
    channel.on("message", (message) => void messages.push(message));
    return messages;
  }

  async function publish(room: string, ...bodies: readonly unknown[]): Promise<void> {
    for (const body of bodies) expect(await nodes.first.publish({ stream: room, data: JSON.stringify(body) })).toBe(201);
  }

  it("is restored after its connection broke, and misses nothing", async () => {
    const room = newRoom();
    const client = cableFor();
    const channel = client.cable.streamFrom(room);
    const messages = hearing(channel);
    await channel.ensureSubscribed();
    await publish(room, 1, 2);
    await expect.poll(() => messages).toEqual([1, 2]);
    const restored = new Promise<{ readonly restored: boolean }>((resolve) => void client.cable.on("connect", resolve as never));
    client.at = nodes.second;
    client.sockets.at(-1)!.terminate();
    await publish(room, 3, 4);
    expect(await restored).toMatchObject({ reconnect: true, restored: true });
    await publish(room, 5);
    await expect.poll(() => messages).toEqual([1, 2, 3, 4, 5]);
  });

  it("that comes late gets what was said since the time that it names", async () => {
    const room = newRoom();
    await publish(room, "before");
    const client = cableFor({ historyTimestamp: Math.floor(Date.now() / 1_000) - 60 });
    const channel = client.cable.streamFrom(room);
    const messages = hearing(channel);
    await channel.ensureSubscribed();
    await expect.poll(() => messages).toEqual(["before"]);
  });

  it("is present, sees who is, and stays so when it comes back", async () => {
    const room = newRoom();
    const watcher = cableFor().cable.streamFrom(room);
    const events: unknown[] = [];
    // The answers to `info` come the same way.
    watcher.on("presence", (event) => {
      if (event.type !== "info") events.push(event);
    });
    await watcher.ensureSubscribed();
    const client = cableFor();
    const channel = client.cable.streamFrom(room);
    await channel.ensureSubscribed();
    await channel.presence.join("42", { name: "Anya" });
    await expect.poll(() => events).toEqual([{ type: "join", id: "42", info: { name: "Anya" } }]);
    expect(await watcher.presence.info()).toEqual({ 42: { name: "Anya" } });
    const back = new Promise((resolve) => void client.cable.on("connect", resolve));
    client.at = nodes.second;
    client.sockets.at(-1)!.terminate();
    await back;
    await channel.presence.leave();
    await expect.poll(() => events.length).toBe(2);
    expect(events[1]).toMatchObject({ type: "leave", id: "42" });
  });

  it("whispers to those on the other node, and not to itself", async () => {
    const room = newRoom();
    const [here, there] = [cableFor(), cableFor()];
    there.at = nodes.second;
    const [channel, other] = [here.cable.streamFrom(room), there.cable.streamFrom(room)];
    const [own, heard] = [hearing(channel), hearing(other)];
    await Promise.all([channel.ensureSubscribed(), other.ensureSubscribed()]);
    await channel.whisper({ typing: true });
    await expect.poll(() => heard).toEqual([{ typing: true }]);
    await publish(room, "after");
    await expect.poll(() => own).toEqual(["after"]);
  });

  it("is not heard by the session that a publication leaves out, wherever that is", async () => {
    const room = newRoom();
    const [here, there] = [cableFor(), cableFor()];
    there.at = nodes.second;
    const [one, two] = [here.cable.streamFrom(room), there.cable.streamFrom(room)];
    const [left, heard] = [hearing(two), hearing(one)];
    await Promise.all([one.ensureSubscribed(), two.ensureSubscribed()]);
    await nodes.first.publish({ stream: room, data: "1", meta: { exclude_socket: there.cable.sessionId } });
    await publish(room, 2);
    await expect.poll(() => heard).toEqual([1, 2]);
    await expect.poll(() => left).toEqual([2]);
  });

  it("is disconnected from whichever node it is on", async () => {
    const client = cableFor();
    client.at = nodes.second;
    await client.cable.connect();
    const closed = new Promise<{ readonly reason?: unknown } | undefined>((resolve) => void client.cable.on("close", resolve as never));
    const identifier = JSON.stringify({ sid: client.cable.sessionId });
    expect(await nodes.first.publish({ command: "disconnect", payload: { identifier, reconnect: false } })).toBe(201);
    expect(await closed).toMatchObject({ reason: "remote" });
  });
});
