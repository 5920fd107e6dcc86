import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { CableClient } from "../support/cable-client.ts";
import { deferred } from "../support/deferred.ts";
import { hears, RpcStage, says } from "../support/rpc-stage.ts";

describe("an application that disconnects its users", () => {
  let stage: RpcStage;
  let clients: CableClient[];

  beforeAll(async () => {
    stage = await RpcStage.start(["--disconnect_rate=0"]);
  });

  beforeEach(() => {
    stage.reset();
    clients = [];
    // Everybody is who the query says.
    stage.application.connect = ({ env }, { sid }) => ({
      identifiers: decodeURIComponent(new URL(env!.url).search.slice(1)),
      transmissions: [says.welcome(sid)],
    });
    return async () => {
      for (const client of clients) await client.close();
      await stage.isEmpty();
    };
  });

  afterAll(() => stage.stop());

  async function user(identifiers: string): Promise<{ readonly client: CableClient; readonly sid: string }> {
    const connected = await stage.connect({}, `?${encodeURIComponent(identifiers)}`);
    clients.push(connected.client);
    return connected;
  }

  const disconnect = (payload: unknown): Promise<number> => stage.ropeway.publish({ command: "disconnect", payload });
  const jane = '{"user":"jane"}';

  it("ends every session of theirs and nobody else's", async () => {
    const count = await stage.counting("remote_commands_total", "publications_total", "broadcast_msg_total");
    const janes = [await user(jane), await user(jane), await user(jane)];
    const others = [await user('{"user":"jan"}'), await user('{ "user":"jane"}'), await user('{"user":"jane","tab":1}')];
    for (const { client } of [...janes, ...others]) expect(await client.subscribe("one")).toEqual(hears.confirm("one"));

    expect(await disconnect({ identifier: jane, reconnect: true })).toBe(201);
    for (const { client } of janes) {
      expect(await client.next()).toEqual({ type: "disconnect", reason: "remote", reconnect: true });
      expect(await client.ended).toEqual({ code: 1000, reason: "Closed remotely" });
    }
    expect(await count()).toEqual({ remote_commands_total: 1, publications_total: 1, broadcast_msg_total: 1 });
    expect(await stage.ropeway.metric("anycable_go_clients_num")).toBe(3);
    await stage.ropeway.publish({ stream: "one", data: "1" });
    for (const { client } of others) expect(await client.sync()).toEqual([{ identifier: "one", message: 1 }]);
    // The application hears of each.
    for (const { sid } of janes) {
      await expect
        .poll(() => stage.calls(sid).at(-1))
        .toMatchObject({
          method: "Disconnect",
          request: { identifiers: jane, subscriptions: ["one"] },
        });
    }
  });

  it.each([
    [{ reconnect: true }, true],
    [{ reconnect: false }, false],
    [{ reconnect: null }, false],
    [{}, false],
  ])("says whether to come back: %o", async (flag, reconnect) => {
    const { client } = await user(jane);
    expect(await disconnect({ identifier: jane, ...flag })).toBe(201);
    expect(await client.next()).toEqual({ type: "disconnect", reason: "remote", reconnect });
    expect(await client.ended).toEqual({ code: 1000, reason: "Closed remotely" });
  });

  it("lets them hear what was published before, and come again", async () => {
    const { client } = await user(jane);
    await client.subscribe("one");
    await stage.ropeway.publish([1, 2, 3].map((number) => ({ stream: "one", data: String(number) })));
    await disconnect({ identifier: jane });
    await stage.ropeway.publish({ stream: "one", data: "4" });
    expect(await client.ended).toEqual({ code: 1000, reason: "Closed remotely" });
    expect(client.unread.map(({ message, type }) => message ?? type)).toEqual([1, 2, 3, "disconnect"]);

    const { client: again } = await user(jane);
    expect(await again.subscribe("one")).toEqual(hears.confirm("one"));
  });

  it("does nothing when nobody is called so", async () => {
    const { client } = await user(jane);
    expect(await disconnect({ identifier: "nobody", reconnect: true })).toBe(201);
    expect(await disconnect({ identifier: "", reconnect: true })).toBe(201);
    expect(await client.sync()).toEqual([]);
  });

  it("ends nothing when the command makes no sense", async () => {
    const { client } = await user(jane);
    for (const payload of [undefined, null, jane, [jane], {}, { identifier: 1 }, { identifier: jane, reconnect: "true" }]) {
      expect(await disconnect(payload)).toBe(422);
    }
    expect(await client.sync()).toEqual([]);
  });

  it("does not touch a client that it has not yet let in", async () => {
    const held = deferred();
    const connect = stage.application.connect!;
    stage.application.connect = async (request, call) => {
      await held.promise;
      return connect(request, call);
    };
    const before = stage.connects.length;
    const client = new CableClient(`${stage.ropeway.cable}?${encodeURIComponent(jane)}`);
    clients.push(client);
    await expect.poll(() => stage.connects.length).toBe(before + 1);
    expect(await disconnect({ identifier: jane })).toBe(201);
    held.resolve();
    expect(await client.next()).toMatchObject({ type: "welcome" });
    expect(await client.sync()).toEqual([]);
  });

  it("ends a thousand sessions at once", async () => {
    await Promise.all(Array.from({ length: 1_000 }, () => user(jane)));
    expect(await stage.ropeway.metric("anycable_go_clients_num")).toBe(1_000);
    expect(await stage.ropeway.metric("anycable_go_clients_uniq_num")).toBe(1);
    await disconnect({ identifier: jane, reconnect: true });
    for (const client of clients) expect(await client.ended).toEqual({ code: 1000, reason: "Closed remotely" });
  });
});
