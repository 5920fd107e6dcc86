// The browser's part of the example for Rails, as it stands there, between two nodes with the brokers that the example names. The application
// answers as the gem does with the channel of the example; Ruby itself is not here.

import { join } from "node:path";
import { afterEach, expect, it, onTestFinished, vi } from "vitest";
import { WebSocket } from "ws";
import { example, variablesIn } from "../support/example-files.ts";
import { startGrpcApp } from "../support/grpc-app.ts";
import { redisCall } from "../support/redis-client.ts";
import { startRedis } from "../support/redis-server.ts";
import { repositoryRoot } from "../support/repository.ts";
import { Ropeway } from "../support/ropeway.ts";
import { says, state } from "../support/rpc-stage.ts";

interface Room {
  enterRoom(
    id: number,
    hears: {
      readonly onMessage: (message: unknown) => void;
      readonly onPresent: (present: Readonly<Record<string, unknown>>) => void;
      readonly onMissed: () => void;
    },
  ): { ensureSubscribed(): Promise<void>; perform(action: string, data: object): Promise<unknown> };
}

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

/** What chat_channel.rb comes to on the wire: the stream, presence, and the presence stream in the channel's state. */
function subscribed(identifier: string, user: string): object {
  const { id } = JSON.parse(identifier) as { readonly id: number };
  return {
    transmissions: [says.confirm(identifier)],
    streams: [`chat/${id}`],
    env: state({}, { $p: `chat/${id}` }),
    presence: { type: "join", id: user, info: JSON.stringify({ name: user }), ttl: 0 },
  };
}

/** Two nodes with the example's variables, and a Redis and an application in place of those that the variables name. */
async function startNodes(): Promise<readonly [Ropeway, Ropeway]> {
  const redis = await startRedis();
  const redisUrl = `redis://127.0.0.1:${redis.port}`;
  const app = await startGrpcApp({
    application: {
      connect: ({ env }, { sid }) => ({
        identifiers: new URL(env!.url).searchParams.get("user")!,
        transmissions: [says.welcome(sid)],
      }),
      async command({ command, identifier, connectionIdentifiers: user, data }) {
        if (command === "subscribe") return subscribed(identifier, user);
        const { id } = JSON.parse(identifier) as { readonly id: number };
        const { text } = JSON.parse(data) as { readonly text: string };
        const payload = JSON.stringify({ stream: `chat/${id}`, data: JSON.stringify({ name: user, text }) });
        // As the gem's redisx adapter does it.
        await redisCall(redisUrl, ["XADD", "__anycable__", "*", "payload", payload]);
        return {};
      },
    },
  });
  const env = { ...variablesIn(example("rails/ropeway.env")), ANYCABLE_RPC_HOST: app.address, REDIS_URL: redisUrl };
  const start = async (): Promise<Ropeway> => {
    const node = new Ropeway(["--port=0", "--metrics_http="], env);
    await node.logged(/^Handle WebSocket connections at/);
    await node.becomesReady();
    return node;
  };
  const nodes = await Promise.all([start(), start()]);
  onTestFinished(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    await app.kill();
    await redis.kill();
  });
  return nodes;
}

interface Page {
  /** Where it connects next. */
  at: Ropeway;
  /** The newest last. */
  readonly sockets: readonly WebSocket[];
  readonly room: Room;
  close(): void;
}

/** A page of somebody's, with the modules of the example of its own. */
async function openPage(user: string, at: Ropeway): Promise<Page> {
  const sockets: WebSocket[] = [];
  const page = { at, sockets };
  class PageSocket extends WebSocket {
    constructor(url: string, protocols: string | string[]) {
      super(`${page.at.cable}${new URL(url).search}`, protocols, { origin: "https://www.example.com" });
      sockets.push(this);
    }
  }
  vi.stubGlobal("WebSocket", PageSocket);
  // What action_cable_meta_tag writes.
  const head = {
    querySelector: (selector: string) =>
      selector === "meta[name='cable-url']" ? { getAttribute: () => `ws://cable.example.com/cable?user=${user}` } : null,
  };
  vi.stubGlobal("document", { head });
  vi.resetModules();
  const folder = join(repositoryRoot, "examples/rails/app/javascript");
  const { cable } = (await import(join(folder, "cable.js"))) as { readonly cable: { connect(): Promise<void>; disconnect(): void } };
  const room = (await import(join(folder, "room.js"))) as Room;
  await cable.connect();
  const close = (): void => cable.disconnect();
  onTestFinished(close);
  return Object.assign(page, { room, close });
}

it("the example for Rails: a page that moves from node to node misses no message, and sees who is there", { timeout: 60_000 }, async () => {
  const nodes = await startNodes();
  const enter = async (user: string, at: Ropeway) => {
    const page = await openPage(user, at);
    const view = { messages: [] as unknown[], present: {} as Readonly<Record<string, unknown>>, missed: 0 };
    const channel = page.room.enterRoom(1, {
      onMessage: (message) => void view.messages.push(message),
      onPresent: (present) => void (view.present = { ...present }),
      onMissed: () => void view.missed++,
    });
    await channel.ensureSubscribed();
    return { page, view, channel };
  };
  const anya = await enter("anya", nodes[0]);
  await expect.poll(() => anya.view.present).toEqual({ anya: { name: "anya" } });
  const ben = await enter("ben", nodes[1]);
  const both = { anya: { name: "anya" }, ben: { name: "ben" } };
  for (const { view } of [anya, ben]) await expect.poll(() => view.present).toEqual(both);

  await anya.channel.perform("speak", { text: "one" });
  const said = [{ name: "anya", text: "one" }];
  for (const { view } of [anya, ben]) await expect.poll(() => view.messages).toEqual(said);

  // Her connection breaks, and the way leads to the other node now.
  anya.page.at = nodes[1];
  anya.page.sockets.at(-1)!.terminate();
  for (const text of ["two", "three"]) {
    await ben.channel.perform("speak", { text });
    said.push({ name: "ben", text });
  }
  const cleo = await enter("cleo", nodes[0]);
  for (const { view } of [anya, ben]) {
    await expect.poll(() => view.messages, { timeout: 20_000 }).toEqual(said);
    await expect.poll(() => view.present, { timeout: 20_000 }).toEqual({ ...both, cleo: { name: "cleo" } });
    expect(view.missed).toBe(0);
  }
  expect(anya.page.sockets).toHaveLength(2);

  // Who is gone for good leaves after presence_ttl. Anya, whose connection broke before, is still there then.
  cleo.page.close();
  for (const { view } of [anya, ben]) await expect.poll(() => view.present, { timeout: 30_000 }).toEqual(both);
});
