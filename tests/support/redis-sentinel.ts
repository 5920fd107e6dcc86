import { vi } from "vitest";
import { fieldsOf, redisCall } from "./redis-client.ts";
import { startRedis, type RedisServer, type RedisServerOptions } from "./redis-server.ts";

export interface SentinelOptions {
  readonly masterName?: string;
  readonly master: RedisServer;
  /** Of the sentinel itself. */
  readonly password?: string;
  /** Of the servers that it watches. */
  readonly dataPassword?: string;
  /** How many sentinels have to agree. */
  readonly quorum?: number;
  readonly server?: RedisServerOptions;
}

/** A real sentinel that takes a master for dead after 500 ms, and looks at everything ten times a second. */
export async function startSentinel(options: SentinelOptions): Promise<RedisServer & { readonly url: string }> {
  const { masterName = "mymaster", master, password, dataPassword, quorum = 1, server } = options;
  const sentinel = await startRedis({
    ...server,
    sentinelFile: [
      `sentinel monitor ${masterName} 127.0.0.1 ${master.port} ${quorum}`,
      `sentinel down-after-milliseconds ${masterName} 500`,
      `sentinel failover-timeout ${masterName} 1000`,
      ...(dataPassword === undefined ? [] : [`sentinel auth-pass ${masterName} ${dataPassword}`]),
      ...(password === undefined ? [] : [`requirepass ${password}`]),
      "",
    ].join("\n"),
  });
  const url = `${server?.tls === undefined ? "redis" : "rediss"}://${password === undefined ? "" : `:${password}@`}127.0.0.1:${sentinel.port}`;
  // Who was not heard of for three INFO periods is not made master. Not more than 200: while a master is down, five PING periods count.
  const periods = ["PING-PERIOD", "PUBLISH-PERIOD", "ASK-PERIOD"].flatMap((name) => [name, "100"]).concat("INFO-PERIOD", "200");
  if (server?.tls === undefined) await redisCall(url, ["SENTINEL", "DEBUG", ...periods]);
  return { ...sentinel, url };
}

/** Waits until a sentinel would make one of so many replicas the next master. */
export async function knowsReplicas(sentinelUrl: string, count: number, masterName = "mymaster"): Promise<void> {
  await vi.waitFor(
    async () => {
      const [replicas] = (await redisCall(sentinelUrl, ["SENTINEL", "REPLICAS", masterName])) as [unknown[]];
      const ready = replicas.map(fieldsOf).filter((fields) => fields["master-link-status"] === "ok" && fields["flags"] === "slave");
      if (ready.length !== count) throw new Error(`${ready.length} replicas are ready`);
    },
    { timeout: 20_000, interval: 50 },
  );
}
