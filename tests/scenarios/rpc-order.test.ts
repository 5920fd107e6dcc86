import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { deferred, type Deferred } from "../support/deferred.ts";
import { RawWebsocket } from "../support/raw-websocket.ts";
import { hears, RpcStage, says } from "../support/rpc-stage.ts";

describe("the commands of one session", () => {
  let stage: RpcStage;
  let held: Deferred<void>;

  beforeAll(async () => {
    stage = await RpcStage.start(["--rpc_command_timeout=30000"]);
  });

  beforeEach(() => {
    stage.reset();
    held = deferred();
    return () => held.resolve();
  });

  afterAll(() => stage.stop());

  /** The application answers a message only when `held` is, and everything else at once. */
  function holdFirstMessage(): void {
    const confirmAtOnce = stage.application.command!;
    stage.application.command = async (request, call) => {
      if (request.command !== "message") return confirmAtOnce(request, call);
      if (request.data === "first") await held.promise;
      return { transmissions: [JSON.stringify(request.data.slice(0, 20))] };
    };
  }

  it("are carried out strictly one after another, and hold nobody else up", async () => {
    holdFirstMessage();
    const { client, sid } = await stage.connect();
    const { client: bystander } = await stage.connect();
    await client.subscribe("one");
    await bystander.subscribe("two");

    client.say({ command: "message", identifier: "one", data: "first" });
    client.say({ command: "message", identifier: "one", data: "second" });
    client.say({ command: "subscribe", identifier: "three" });
    client.say({ command: "unsubscribe", identifier: "one" });
    client.say({ command: "message", identifier: "one", data: "too late" });
    client.say({ command: "subscribe", identifier: "one" });
    client.say({ command: "message", identifier: "one", data: "third" });
    await expect.poll(() => stage.commands(sid)).toHaveLength(2);

    // Another session is served meanwhile; and so is this one with what the application publishes.
    for (let at = 0; at < 20; at++) {
      bystander.say({ command: "message", identifier: "two", data: `other ${at}` });
      expect(await bystander.next()).toBe(`other ${at}`);
    }
    await stage.ropeway.publish({ stream: "one", data: '"news"' });
    expect(await client.next()).toEqual({ identifier: "one", message: "news" });
    expect(stage.commands(sid)).toHaveLength(2);

    held.resolve();
    expect(await client.sync()).toEqual(["first", "second", hears.confirm("three"), hears.confirm("one"), "third"]);
    expect(stage.commands(sid).map(({ request }) => `${request.command} ${request.data || request.identifier}`)).toEqual([
      "subscribe one",
      "message first",
      "message second",
      "subscribe three",
      "unsubscribe one",
      "subscribe one",
      "message third",
    ]);
    await client.close();
    await bystander.close();
  });

  it("see the state that the one before left, however fast they come", async () => {
    stage.application.command = ({ command, identifier, env }) => {
      const count = Number(env!.istate.get("count") ?? 0) + 1;
      return {
        transmissions: command === "subscribe" ? [says.confirm(identifier)] : [String(count)],
        env: { cstate: new Map(), istate: new Map([["count", String(count)]]) },
      };
    };
    const { client } = await stage.connect();
    await client.subscribe("counter");
    for (let at = 0; at < 200; at++) client.say({ command: "message", identifier: "counter", data: "tick" });
    expect(await client.sync()).toEqual(Array.from({ length: 200 }, (_, at) => at + 2));
    await client.close();
  });

  describe("that are sent ahead", () => {
    async function open(): Promise<RawWebsocket> {
      const raw = await RawWebsocket.connect(stage.ropeway.port);
      raw.text(JSON.stringify({ command: "subscribe", identifier: "one" }));
      await expect.poll(() => raw.bytes.includes("confirm_subscription")).toBe(true);
      return raw;
    }

    /** Waits until the server has stopped taking bytes although there are some, and returns how many it took of what was counted. */
    async function standstill(raw: RawWebsocket, metric: string): Promise<number> {
      let last = -1;
      await expect
        .poll(
          async () => {
            const before = last;
            last = await stage.ropeway.metric(`anycable_go_${metric}`);
            return before === last;
          },
          { timeout: 10_000 },
        )
        .toBe(true);
      // The end of it is still with the sender: neither the server nor the two kernels take it.
      expect(raw.socket.writableLength).toBeGreaterThan(0);
      return last;
    }

    it("wait in the client's own machine when they are more than 64 KiB, and none is lost", async () => {
      holdFirstMessage();
      const raw = await open();
      const before = await stage.ropeway.metric("anycable_go_data_rcvd_total");
      raw.text(JSON.stringify({ command: "message", identifier: "one", data: "first" }));
      const pad = "x".repeat(20_000);
      const many = Array.from({ length: 1_500 }, (_, at) =>
        JSON.stringify({ command: "message", identifier: "one", data: `${at} ${pad}` }),
      );
      raw.send(...many.map((text) => raw.frame(1, text)));
      expect((await standstill(raw, "data_rcvd_total")) - before).toBeLessThan(256 * 1024);

      const { client: bystander } = await stage.connect();
      expect(await bystander.subscribe("two")).toEqual(hears.confirm("two"));
      await bystander.close();

      const { sid } = stage.connects.at(-2)!;
      held.resolve();
      await expect.poll(() => stage.commands(sid).length, { timeout: 20_000 }).toBe(1_502);
      const numbers = stage
        .commands(sid)
        .slice(2)
        .map(({ request }) => Number(request.data.split(" ", 1)[0]));
      expect(numbers).toEqual(many.map((_, at) => at));
      raw.socket.destroy();
    }, 40_000);

    it("wait there when they are more than 100, however small, and none is lost", async () => {
      holdFirstMessage();
      const raw = await open();
      const before = await stage.ropeway.metric("anycable_go_client_msg_total");
      raw.text(JSON.stringify({ command: "message", identifier: "one", data: "first" }));
      const ping = raw.frame(1, `{"command":"ping"${" ".repeat(100)}}`);
      const pings = 150_000;
      raw.send(Buffer.concat(Array.from({ length: pings }, () => ping)));
      // One read from the network, 64 KiB, may hold more than a hundred of them.
      expect((await standstill(raw, "client_msg_total")) - before).toBeLessThan(2_000);
      held.resolve();
      await stage.ropeway.metricBecomes("anycable_go_client_msg_total", before + 1 + pings);
      await expect.poll(() => raw.bytes.toString("latin1").split('"pong"').length - 1, { timeout: 10_000 }).toBe(pings);
      raw.socket.destroy();
    }, 40_000);
  });
});
