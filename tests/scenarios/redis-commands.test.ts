// Redis 6.2, and Valkey, which forked 7.2: what is newer than that is not used. Debian's Redis knows since when each command and word is there.

import { createClient } from "@redis/client";
import { afterEach, expect, it } from "vitest";
import { ClusterStage } from "../support/cluster-stage.ts";
import { redisCall } from "../support/redis-client.ts";
import { startRedis } from "../support/redis-server.ts";

const OLDEST = [6, 2, 0];

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** What Redis says of a command, or of a word of it. */
type Docs = Readonly<Record<string, unknown>>;

function asObject(reply: unknown): Docs {
  const list = reply as readonly unknown[];
  return Object.fromEntries(list.flatMap((name, at) => (at % 2 === 0 ? [[String(name), list[at + 1]]] : [])));
}

function isNewer({ since }: Docs): boolean {
  const parts = String(since).split(".").map(Number);
  const at = parts.findIndex((part, index) => part !== OLDEST[index]);
  return at !== -1 && parts[at]! > OLDEST[at]!;
}

/** Words of a command that came later than itself. */
function newerWords(docs: Docs): readonly string[] {
  return ((docs["arguments"] ?? []) as readonly unknown[]).map(asObject).flatMap((argument) => {
    const { since, token } = argument;
    const own = since !== undefined && isNewer(argument) && typeof token === "string" ? [token] : [];
    return [...own, ...newerWords(argument)];
  });
}

it("asks nothing of Redis that 6.2 does not know", { timeout: 60_000 }, async () => {
  const redis = await startRedis();
  cleanups.push(() => redis.kill());
  const url = `redis://127.0.0.1:${redis.port}`;
  const monitor = createClient({ url, RESP: 2 });
  monitor.on("error", () => {});
  await monitor.connect();
  cleanups.push(async () => monitor.destroy());
  const seen = new Map<string, string[][]>();
  await monitor.monitor((line) => {
    const words = [...String(line).matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, word]) => word!);
    const name = words[0]!.toLowerCase();
    const calls = seen.get(name) ?? [];
    seen.set(name, calls);
    calls.push(words.slice(1));
  });

  const stage = await ClusterStage.start([
    "--broker=redis",
    "--pubsub=redis",
    "--broadcast_adapter=http,redisx,redis",
    `--redis_url=${url}`,
    "--presence_ttl=1",
  ]);
  cleanups.push(() => stage.end());
  await stage.crowd(2);
  await stage.crowd(2, { presence: { id: "somebody" } });
  await stage.load({ redisxUrl: url, redisxPromise: "at least once" });
  for (const client of stage.clients) client.drop();
  await stage.isWhole();
  const ours = [...seen.keys()].filter((name) => !["monitor", "auth"].includes(name));
  expect(ours).toEqual(expect.arrayContaining(["evalsha", "subscribe", "publish", "xreadgroup", "xack", "rpush", "hset"]));
  const [reply] = await redisCall(url, ["COMMAND", "DOCS", ...ours]);
  const docs = asObject(reply);
  expect(Object.keys(docs).toSorted()).toEqual(ours.toSorted());
  const tooNew = ours.flatMap((name) => {
    const ofCommand = asObject(docs[name]);
    const words = new Set(newerWords(ofCommand));
    const subcommands = asObject(ofCommand["subcommands"] ?? []);
    const newerSubcommands = Object.keys(subcommands).filter((full) => {
      const own = full.split("|")[1]!;
      return isNewer(asObject(subcommands[full])) && seen.get(name)!.some(([first]) => first?.toLowerCase() === own);
    });
    const used = seen.get(name)!.flatMap((call) => call.map((word) => word.toUpperCase()).filter((word) => words.has(word)));
    return [...(isNewer(ofCommand) ? [name] : []), ...newerSubcommands, ...new Set(used.map((word) => `${name} … ${word}`))];
  });
  expect(tooNew).toEqual([]);
});
