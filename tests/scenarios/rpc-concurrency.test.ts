import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { CableClient } from "../support/cable-client.ts";
import { deferred, type Deferred } from "../support/deferred.ts";
import { hears, RpcStage, says } from "../support/rpc-stage.ts";

describe("no more than rpc_concurrency calls at a time", () => {
  let stage: RpcStage;
  /** One for each Connect call that the application holds. */
  let held: Deferred<void>[];

  beforeAll(async () => {
    stage = await RpcStage.start(["--rpc_concurrency=2", "--rpc_command_timeout=30000"]);
  });

  beforeEach(() => {
    stage.reset();
    held = [];
    return async () => {
      for (const hold of held) hold.resolve();
      await stage.isEmpty();
    };
  });

  afterAll(() => stage.stop());

  function holdConnects(): void {
    stage.application.connect = async ({ env }, { sid }) => {
      const hold = deferred();
      held.push(hold);
      await hold.promise;
      return { identifiers: env!.url, transmissions: [says.welcome(sid)] };
    };
  }

  const pendingBecomes = (count: number): Promise<void> => stage.ropeway.metricBecomes("anycable_go_rpc_pending_num", count);

  /** A client whose Connect call is made after those of the clients before it. */
  async function comes(name: string, pending: number): Promise<CableClient> {
    const before = held.length;
    const client = new CableClient(`${stage.ropeway.cable}?${name}`);
    if (pending > 0) await pendingBecomes(pending);
    else await expect.poll(() => held.length).toBe(before + 1);
    return client;
  }

  it("are made, the others wait in line, and a client that goes leaves it at once", async () => {
    holdConnects();
    const count = await stage.counting("rpc_canceled_total", "rpc_error_total");
    const [a, b] = [await comes("a", 0), await comes("b", 0)];
    const [c, d, e, f] = [await comes("c", 1), await comes("d", 2), await comes("e", 3), await comes("f", 4)];
    expect(held).toHaveLength(2);

    // From the middle, from the front and from the end of the line.
    await d.drop();
    await pendingBecomes(3);
    await c.close();
    await pendingBecomes(2);
    await f.drop();
    await pendingBecomes(1);
    expect(await count()).toEqual({ rpc_canceled_total: 3, rpc_error_total: 0 });
    expect(held).toHaveLength(2);

    held[0]!.resolve();
    expect(await a.next()).toMatchObject({ type: "welcome" });
    await expect.poll(() => held.length).toBe(3);
    await pendingBecomes(0);
    for (const hold of held) hold.resolve();
    expect(await b.next()).toMatchObject({ type: "welcome" });
    expect(await e.next()).toMatchObject({ type: "welcome" });
    const asked = stage.connects.map(({ request }) => new URL(request.env!.url).search);
    expect(asked.slice(-3)).toEqual(["?a", "?b", "?e"]);
    for (const client of [a, b, e]) await client.close();
  });

  it("counts commands too, and gives a slot back when its client goes away", async () => {
    const { client, sid } = await stage.connect();
    await client.subscribe("one");
    holdConnects();
    const [a, b] = [await comes("a", 0), await comes("b", 0)];
    client.say({ command: "subscribe", identifier: "two" });
    await pendingBecomes(1);
    expect(stage.commands(sid)).toHaveLength(1);
    // What needs no call does not wait for one; but what comes after it in the same session does.
    await stage.ropeway.publish({ stream: "one", data: "1" });
    expect(await client.next()).toEqual({ identifier: "one", message: 1 });
    await a.drop();
    expect(await client.next()).toEqual(hears.confirm("two"));
    for (const hold of held) hold.resolve();
    await b.next();
    await b.close();
    await client.close();
  });
});

describe("a client that waits for its turn", () => {
  it("waits no longer than rpc_command_timeout", async () => {
    const stage = await RpcStage.start(["--rpc_concurrency=1", "--rpc_command_timeout=400"]);
    onTestFinished(() => stage.stop());
    stage.application.connect = () => new Promise(() => {});
    const clients = Array.from({ length: 4 }, () => new CableClient(stage.ropeway.cable));
    for (const client of clients) expect(await client.ended).toEqual({ code: 1011, reason: "Auth Error" });
    expect(await stage.ropeway.metric("anycable_go_rpc_timeout_total")).toBe(4);
    await stage.isEmpty();
    stage.reset();
    await (await stage.connect()).client.close();
  });
});
