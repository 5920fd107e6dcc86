import { vi } from "vitest";
import { freePort } from "./free-port.ts";
import { redisCall } from "./redis-client.ts";
import { startRedis, type RedisServer } from "./redis-server.ts";

export interface RedisCluster {
  /** Three masters, then a replica of the first. */
  readonly nodes: readonly RedisServer[];
  /** Waits until all nodes that are named see a whole cluster, in which the replica follows. */
  whole(): Promise<void>;
  kill(): Promise<void>;
}

export function nodeUrl(node: RedisServer): string {
  return `redis://127.0.0.1:${node.port}`;
}

/** A real cluster that takes a node for dead after a second, and goes on with what is left. */
export async function startCluster(): Promise<RedisCluster> {
  const busPorts = [await freePort(), await freePort(), await freePort(), await freePort()];
  const nodes = await Promise.all(
    busPorts.map((busPort) =>
      startRedis({
        config: [
          "--cluster-enabled yes --cluster-config-file nodes.conf --cluster-node-timeout 1000 --cluster-port",
          String(busPort),
          "--cluster-require-full-coverage no --cluster-allow-replica-migration no",
        ].flatMap((text) => text.split(" ")),
      }),
    ),
  );
  const [first, ...others] = nodes as [RedisServer, ...RedisServer[]];
  const firstSlots = [0, 5461, 10_923, 16_384];
  await Promise.all(
    nodes
      .slice(0, 3)
      .map((node, index) =>
        redisCall(
          nodeUrl(node),
          ["CLUSTER", "ADDSLOTSRANGE", String(firstSlots[index]), String(firstSlots[index + 1]! - 1)],
          ["CLUSTER", "SET-CONFIG-EPOCH", String(index + 1)],
        ),
      ),
  );
  const meet = others.map((node, index) => ["CLUSTER", "MEET", "127.0.0.1", String(node.port), String(busPorts[index + 1])]);
  await vi.waitFor(
    async () => {
      const [info] = (await redisCall(nodeUrl(first), ["CLUSTER", "INFO"])) as [string];
      if (info.includes("cluster_known_nodes:4")) return;
      // One that is not answered within a second is forgotten.
      await redisCall(nodeUrl(first), ...meet);
      throw new Error(info);
    },
    { timeout: 20_000, interval: 1_500 },
  );
  const whole = async (): Promise<void> => {
    await vi.waitFor(
      async () => {
        for (const node of nodes) {
          const [info, slots] = (await redisCall(nodeUrl(node), ["CLUSTER", "INFO"], ["CLUSTER", "SLOTS"])) as [string, unknown[][]];
          if (!/cluster_state:ok/.test(info) || !/cluster_known_nodes:4/.test(info)) throw new Error(info);
          if (slots.length !== 3) throw new Error(`${slots.length} ranges are served`);
        }
      },
      { timeout: 20_000, interval: 50 },
    );
  };
  await whole();
  const [firstId] = (await redisCall(nodeUrl(first), ["CLUSTER", "MYID"])) as [string];
  const replica = nodes[3]!;
  await vi.waitFor(() => redisCall(nodeUrl(replica), ["CLUSTER", "REPLICATE", firstId]), { timeout: 10_000, interval: 50 });
  await vi.waitFor(
    async () => {
      const [info] = (await redisCall(nodeUrl(replica), ["INFO", "replication"])) as [string];
      if (!info.includes("master_link_status:up")) throw new Error(info);
    },
    { timeout: 20_000, interval: 50 },
  );
  return { nodes, whole, kill: async () => void (await Promise.all(nodes.map((node) => node.kill()))) };
}

/** Gives a slot, with what it holds, from one master to another. */
export async function moveSlot({ nodes }: RedisCluster, slot: number, from: RedisServer, to: RedisServer): Promise<void> {
  const idOf = async (node: RedisServer): Promise<string> => String((await redisCall(nodeUrl(node), ["CLUSTER", "MYID"]))[0]);
  const [fromId, toId] = [await idOf(from), await idOf(to)];
  await redisCall(nodeUrl(to), ["CLUSTER", "SETSLOT", String(slot), "IMPORTING", fromId]);
  await redisCall(nodeUrl(from), ["CLUSTER", "SETSLOT", String(slot), "MIGRATING", toId]);
  const [keys] = (await redisCall(nodeUrl(from), ["CLUSTER", "GETKEYSINSLOT", String(slot), "100"])) as [string[]];
  if (keys.length > 0) await redisCall(nodeUrl(from), ["MIGRATE", "127.0.0.1", String(to.port), "", "0", "5000", "KEYS", ...keys]);
  for (const node of [to, from, ...nodes.slice(0, 3)]) {
    await redisCall(nodeUrl(node), ["CLUSTER", "SETSLOT", String(slot), "NODE", toId]);
  }
}
