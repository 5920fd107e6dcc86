// The example of an embedded cluster, as its page says to start it: two nodes in one process, which ends by itself.

import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { createClient } from "@redis/client";
import { afterEach, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { bodiesOf, connectExt, positionOf, until } from "../support/ext-client.ts";
import { startRedis } from "../support/redis-server.ts";
import { repositoryRoot } from "../support/repository.ts";

describe("examples/embedded-cluster", () => {
  const undo: (() => unknown)[] = [];
  afterEach(async () => {
    for (const step of undo.splice(0).toReversed()) await step();
  });

  type Example = ChildProcessByStdio<null, Readable, Readable>;

  /** Resolves to where clients connect, and what is written to stderr. */
  async function startExample(
    redisPort: number,
  ): Promise<{ readonly child: Example; readonly urls: string[]; readonly log: () => string }> {
    const child = spawn(process.execPath, [`${repositoryRoot}build/examples/embedded-cluster/main.js`, "0", "0"], {
      env: { PATH: process.env["PATH"], REDIS_URL: `redis://127.0.0.1:${redisPort}`, API_KEY: "key" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    undo.push(() => child.kill("SIGKILL"));
    let [output, log] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => void (output += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => void (log += text));
    const urls = (): string[] => [...output.matchAll(/ws:\S+/g)].map(([url]) => url.replace("localhost", "127.0.0.1"));
    await eventually(() => urls().length || log).toBe(2);
    return { child, urls: urls(), log: () => log };
  }

  async function becomesReady(url: string): Promise<void> {
    const status = async (): Promise<unknown> => ((await (await api(url, "node")).json()) as { readonly status: unknown }).status;
    await eventually(status).toBe("ready");
  }

  function api(url: string, path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`${url.replace("ws:", "http:").replace("/cable", "/api/")}${path}`, { headers: { authorization: "Bearer key" }, ...init });
  }

  it("serves a chat on two nodes, where clients go on at the other, and stops without being ended", async () => {
    const redis = await startRedis();
    undo.push(() => redis.kill());
    const { child, urls, log } = await startExample(redis.port);
    const [here, there] = urls as [string, string];
    for (const url of urls) await becomesReady(url);
    const room = JSON.stringify({ channel: "Chat", room: "1" });

    const [{ client: ann, sid }, { client: bob }] = [await connectExt(`${here}?name=ann`), await connectExt(`${there}?name=bob`)];
    expect(await ann.subscribe(room)).toEqual({ type: "confirm_subscription", identifier: room });
    expect(await ann.next()).toEqual({ type: "presence", identifier: room, message: { type: "join", id: "ann", info: null } });
    await bob.subscribe(room);
    for (const client of [ann, bob]) expect(await client.next()).toMatchObject({ message: { type: "join", id: "bob" } });
    bob.say({ command: "message", identifier: room, data: "hello" });
    const [first] = [await ann.next(), await bob.next()];
    expect(first).toMatchObject({ identifier: room, message: { name: "bob", text: "hello" } });
    await ann.drop();

    // Over the node's own Redis stream, its API, and a client.
    const redisx = createClient({ url: `redis://127.0.0.1:${redis.port}` });
    await redisx.connect();
    await redisx.xAdd("__anycable__", "*", { payload: JSON.stringify({ stream: "chat/1", data: '"one"' }) });
    redisx.destroy();
    expect(await bob.next()).toMatchObject({ message: "one" });
    const published = await api(here, "publish", { method: "POST", body: JSON.stringify({ stream: "chat/1", data: '"two"' }) });
    expect(published.status).toBe(201);
    expect(await bob.next()).toMatchObject({ message: "two" });
    expect(await (await api(here, "presence/chat%2F1/users")).json()).toMatchObject({ records: [{ id: "ann" }, { id: "bob" }] });

    const { client: back, welcome } = await connectExt(`${there}?name=ann&sid=${sid}`);
    expect(welcome).toMatchObject({ restored: true, restored_ids: [room] });
    back.say({ command: "history", identifier: room, history: { streams: { "chat/1": positionOf(first) } } });
    expect(bodiesOf(await until(back, "confirm_history"))).toEqual(["one", "two"]);

    const ended = once(child, "exit");
    child.kill("SIGTERM");
    for (const client of [back, bob]) {
      expect(await client.next()).toEqual({ type: "disconnect", reason: "server_restart", reconnect: true });
    }
    expect(await ended).toEqual([0, null]);
    expect(log()).toBe("");
  });
});
