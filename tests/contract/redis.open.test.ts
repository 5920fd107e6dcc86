// What other parts rely on besides pub/sub: the database, the client at hand, a connection that is prepared anew each time.

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { silentLogger } from "../../src/logger.ts";
import { openRedis, type OpenedRedis, type RedisOpening } from "../../src/redis/open.ts";
import { eventually } from "../support/eventually.ts";
import { redisCall } from "../support/redis-client.ts";
import { impatientClock, redisDefaults } from "../support/redis-listening.ts";
import { startRedis, type RedisServer } from "../support/redis-server.ts";

let server: RedisServer;
let url: string;
let opened: OpenedRedis;
beforeEach(async () => {
  server = await startRedis();
  url = `redis://127.0.0.1:${server.port}`;
});
afterEach(async () => {
  opened.stop();
  await server.kill();
});

function open(options: Partial<RedisOpening> & Pick<RedisOpening, "redis">): OpenedRedis {
  const { clock, isRequired } = redisDefaults;
  opened = openRedis({ clock, isRequired, logger: silentLogger, prepare: async () => {}, ...options });
  opened.start();
  return opened;
}

describe("a connection to Redis", () => {
  it.each([
    [true, "5"],
    [false, "0"],
  ])("with usesDatabase %s of a URL that ends with /5 is in database %s", async (usesDatabase, database) => {
    open({ redis: { url: `${url}/5` }, usesDatabase });
    await eventually(() => opened.state.isConnected).toBe(true);
    expect(await opened.client!.sendCommand(["CLIENT", "INFO"])).toContain(` db=${database} `);
  });

  it("is at hand while it is there, and not while it is away or stopped", async () => {
    expect(open({ redis: { url }, clock: impatientClock() }).client).toBeUndefined();
    await eventually(() => opened.state.isConnected).toBe(true);
    const { client } = opened;
    expect(await client!.sendCommand(["INCR", "n"])).toBe(1);
    await server.kill();
    await eventually(() => opened.client).toBeUndefined();
    await expect(client!.sendCommand(["INCR", "n"])).rejects.toThrow();
    await server.restart();
    await eventually(() => opened.client).toBeDefined();
    expect(await opened.client!.sendCommand(["INCR", "n"])).toBe(1);
    opened.stop();
    expect(opened.client).toBeUndefined();
    expect(opened.state).toMatchObject({ isConnected: false, server: undefined, problem: undefined });
  });

  it("is prepared each time it is made, and counts as made when that has worked", async () => {
    let prepared = 0;
    open({
      redis: { url },
      clock: impatientClock(),
      prepare: async (client) => {
        if (prepared++ < 2) throw new Error("not yet");
        await client.sendCommand(["CLIENT", "SETNAME", `prepared-${prepared}`]);
      },
    });
    await eventually(() => opened.state.problem).toBe("not yet");
    await eventually(() => opened.state.isConnected).toBe(true);
    expect((await redisCall(url, ["CLIENT", "LIST"]))[0]).toContain(" name=prepared-3 ");
    expect(prepared).toBe(3);
  });
});
