import { afterEach, describe, expect, it } from "vitest";
import { CableClient, publicStream } from "../support/cable-client.ts";
import { standalone, startRopeway, type Ropeway } from "../support/ropeway.ts";

describe("rate limits", () => {
  let ropeway: Ropeway;
  afterEach(() => ropeway.stop());

  async function start(...flags: string[]): Promise<CableClient> {
    ropeway = await startRopeway([...standalone, ...flags]);
    return CableClient.connect(ropeway.cable);
  }

  const rateLimited = { type: "disconnect", reason: "rate_limited", reconnect: true };

  it.each([
    ["commands", "--max_commands_per_second=10", { command: "ping" }],
    ["bytes", "--max_bytes_per_second=500", { command: "ping", padding: "x".repeat(100) }],
    ["commands of the address", "--max_address_commands_per_second=10", { command: "ping" }],
    ["bytes of the address", "--max_address_bytes_per_second=500", { command: "ping", padding: "x".repeat(100) }],
  ])("tell a client that it sent too many %s, and close with 1008", async (_what, flag, command) => {
    const flooding = await start(flag);
    for (let at = 0; at < 200; at++) flooding.say(command);
    let pongs = 0;
    for (;;) {
      const message = await flooding.next();
      if (message["type"] !== "pong") {
        expect(message).toEqual(rateLimited);
        break;
      }
      pongs++;
    }
    expect(await flooding.ended).toEqual({ code: 1008, reason: "Rate limited" });
    // Five seconds' worth came through, and what was saved up meanwhile.
    expect(pongs).toBeGreaterThan(15);
    expect(pongs).toBeLessThan(100);
    expect(await ropeway.metric("anycable_go_limited_clients_total")).toBe(1);
  });

  it("leave everybody else alone", async () => {
    const flooding = await start("--max_commands_per_second=10");
    const [speaker, listener] = [await CableClient.connect(ropeway.cable), await CableClient.connect(ropeway.cable)];
    await speaker.subscribe(publicStream("room"));
    await listener.subscribe(publicStream("room"));
    for (let at = 0; at < 5_000; at++) flooding.say({ command: "ping" });
    speaker.say({ command: "whisper", identifier: publicStream("room"), data: "still here" });
    expect(await listener.next()).toMatchObject({ message: "still here" });
    expect((await flooding.ended).code).toBe(1008);
  });

  it.each(["--max_whispers_per_second=2", "--max_address_whispers_per_second=2"])(
    "drop whispers past %s, and keep the client",
    async (flag) => {
      const whispering = await start(flag);
      const listener = await CableClient.connect(ropeway.cable);
      await whispering.subscribe(publicStream("room"));
      await listener.subscribe(publicStream("room"));
      for (let at = 0; at < 100; at++) whispering.say({ command: "whisper", identifier: publicStream("room"), data: at });
      expect(await whispering.sync()).toEqual([]);
      const heard = await listener.sync();
      expect(heard.length).toBeGreaterThanOrEqual(10);
      expect(heard.length).toBeLessThan(50);
      expect(await ropeway.metric("anycable_go_limited_whispers_total")).toBe(100 - heard.length);
    },
  );

  it("answer 429 past --max_address_connections, and let the next one in when one leaves", async () => {
    const first = await start("--max_address_connections=2");
    await CableClient.connect(ropeway.cable);
    const refused = new CableClient(ropeway.cable);
    const status = new Promise((resolve) =>
      refused.socket.on("unexpected-response", (_request, { statusCode, headers }) => resolve([statusCode, headers["retry-after"]])),
    );
    expect(await status).toEqual([429, "5"]);
    expect(await ropeway.metric("anycable_go_limited_connects_total")).toBe(1);
    await first.close();
    await ropeway.metricBecomes("anycable_go_clients_num", 1);
    await CableClient.connect(ropeway.cable);
  });

  it("answer 429 past --max_address_connects_per_second", async () => {
    await start("--max_address_connects_per_second=1");
    const statuses = await Promise.all(
      Array.from({ length: 20 }, () => {
        const client = new CableClient(ropeway.cable);
        return new Promise<number>((resolve) => {
          client.socket.on("open", () => resolve(101));
          client.socket.on("unexpected-response", (_request, { statusCode }) => resolve(statusCode ?? 0));
        });
      }),
    );
    const refused = statuses.filter((status) => status === 429).length;
    expect(statuses.filter((status) => status === 101)).toHaveLength(20 - refused);
    expect(refused).toBeGreaterThanOrEqual(14);
    expect(await ropeway.metric("anycable_go_limited_connects_total")).toBe(refused);
  });

  it("are off by default", async () => {
    const client = await start();
    for (let at = 0; at < 20_000; at++) client.say({ command: "pong" });
    expect(await client.sync()).toEqual([]);
  });
});
