import { describe, expect, it, onTestFinished } from "vitest";
import { CableClient, publicStream } from "../support/cable-client.ts";
import { standalone, startRopeway, type Ropeway } from "../support/ropeway.ts";

const MiB = 1024 * 1024;

/** A server with these flags, gone when the test is over. */
async function serve(...flags: readonly string[]): Promise<Ropeway> {
  const ropeway = await startRopeway([...standalone, "--ping_interval=0", ...flags]);
  onTestFinished(async () => void (await ropeway.stop("SIGKILL")));
  return ropeway;
}

async function subscriber(ropeway: Ropeway, ...streams: readonly string[]): Promise<CableClient> {
  const client = await CableClient.connect(ropeway.cable);
  for (const stream of streams) expect(await client.subscribe(publicStream(stream))).toMatchObject({ type: "confirm_subscription" });
  return client;
}

/** Publishes `{ number, padding }`. */
async function publish(ropeway: Ropeway, stream: string, number: number, bytes: number): Promise<void> {
  const data = JSON.stringify({ number, padding: "x".repeat(bytes) });
  expect(await ropeway.publish({ stream, data })).toBe(201);
}

/** Publishes until a metric is no longer 0; returns how many it took. The network between holds a lot before anything waits. */
async function publishUntil(ropeway: Ropeway, metric: string, stream: string, bytes: number): Promise<number> {
  for (let number = 0; number < 100; number++) {
    await publish(ropeway, stream, number, bytes);
    if ((await ropeway.metric(metric)) > 0) return number + 1;
  }
  throw new Error(`${metric} is still 0`);
}

function numberOf(message: Readonly<Record<string, unknown>>): unknown {
  return (message["message"] as { readonly number?: unknown } | undefined)?.number;
}

describe("slow readers", () => {
  it("are told so and disconnected when too much is waiting, with everything that had been sent before intact", async () => {
    const ropeway = await serve("--ws_write_timeout=30", "--ws_max_pending_size=1000000");
    const slow = await subscriber(ropeway, "flood");
    slow.socket.pause();
    const published = await publishUntil(ropeway, "anycable_go_disconnected_slow_clients_total", "flood", 500_000);
    await ropeway.metricBecomes("anycable_go_clients_num", 0);
    await ropeway.metricBecomes("anycable_go_broadcast_streams_num", 0);
    slow.socket.resume();

    const heard: unknown[] = [];
    for (;;) {
      const message = await slow.next();
      if (message["type"] === "disconnect") {
        expect(message).toEqual({ type: "disconnect", reason: "too_slow", reconnect: true });
        break;
      }
      heard.push(numberOf(message));
    }
    expect(await slow.ended).toMatchObject({ code: 1000 });
    // A prefix without holes; what was waiting is dropped: at least the two that went past the limit.
    expect(heard).toEqual(Array.from({ length: heard.length }, (_, at) => at));
    expect(heard.length).toBeLessThanOrEqual(published - 2);
    expect(await ropeway.metric("anycable_go_failed_server_msg_total")).toBeGreaterThanOrEqual(2);
    expect(await ropeway.metric("anycable_go_timeout_server_msg_total")).toBe(0);
    expect(await ropeway.logged(/^session too slow/)).toMatchObject({ sid: expect.any(String) as string });
  });

  it("are dropped after ws_write_timeout when they take nothing at all", async () => {
    const ropeway = await serve("--ws_write_timeout=1");
    const stuck = await subscriber(ropeway, "flood");
    stuck.socket.pause();
    await publishUntil(ropeway, "anycable_go_timeout_server_msg_total", "flood", 4 * MiB);
    await ropeway.metricBecomes("anycable_go_clients_num", 0);
    expect(await ropeway.logged(/^session dropped: a write did not finish/)).toMatchObject({ sid: expect.any(String) as string });
    stuck.socket.resume();
    expect(await stuck.ended).toMatchObject({ code: 1006 });
  });

  it("are dropped after ws_write_timeout when they don't even take the goodbye", async () => {
    const ropeway = await serve("--ws_write_timeout=1", "--ws_max_pending_size=1024");
    const stuck = await subscriber(ropeway, "flood");
    stuck.socket.pause();
    await publishUntil(ropeway, "anycable_go_disconnected_slow_clients_total", "flood", 2 * MiB);
    await ropeway.metricBecomes("anycable_go_timeout_server_msg_total", 1);
    stuck.socket.resume();
    expect(await stuck.ended).toMatchObject({ code: 1006 });
  });

  it("delay nobody else", async () => {
    const ropeway = await serve("--ws_write_timeout=30", "--ws_max_pending_size=0");
    const slow = await subscriber(ropeway, "shared");
    const quick = await subscriber(ropeway, "shared", "other");
    slow.socket.pause();
    for (let number = 0; number < 20; number++) {
      await publish(ropeway, "shared", number, MiB);
      await publish(ropeway, "other", number, 0);
      expect([numberOf(await quick.next()), numberOf(await quick.next())]).toEqual([number, number]);
    }
    expect(await quick.sync()).toEqual([]);
    // All this while something was waiting for the slow one.
    expect(await ropeway.metric("anycable_go_data_sent_total")).toBeLessThan(2 * 20 * MiB);
  });

  it("get everything in the end when ws_max_pending_size is 0", async () => {
    const ropeway = await serve("--ws_write_timeout=30", "--ws_max_pending_size=0");
    const slow = await subscriber(ropeway, "flood");
    slow.socket.pause();
    for (let number = 0; number < 40; number++) await publish(ropeway, "flood", number, MiB);
    slow.socket.resume();
    for (let number = 0; number < 40; number++) expect(numberOf(await slow.next())).toBe(number);
    expect(await slow.sync()).toEqual([]);
    expect(await ropeway.metric("anycable_go_disconnected_slow_clients_total")).toBe(0);
    expect(await ropeway.metric("anycable_go_failed_server_msg_total")).toBe(0);
  });

  it("are not those who are sent one big message", async () => {
    const ropeway = await serve("--ws_max_pending_size=1024");
    const reader = await subscriber(ropeway, "big");
    for (let number = 0; number < 5; number++) {
      await publish(ropeway, "big", number, 4 * MiB);
      const message = await reader.next();
      expect(numberOf(message)).toBe(number);
      expect((message["message"] as { readonly padding: string }).padding).toHaveLength(4 * MiB);
    }
    expect(await reader.sync()).toEqual([]);
    expect(await ropeway.metric("anycable_go_disconnected_slow_clients_total")).toBe(0);
  });

  it("hold up no shutdown", async () => {
    const ropeway = await serve("--ws_write_timeout=1", "--ws_max_pending_size=0");
    const stuck = await subscriber(ropeway, "flood");
    const reader = await subscriber(ropeway, "quiet");
    stuck.socket.pause();
    for (let number = 0; number < 10; number++) await publish(ropeway, "flood", number, 4 * MiB);
    expect(await ropeway.stop()).toBe(0);
    expect(await reader.next()).toMatchObject({ reason: "server_restart" });
    expect(await reader.ended).toMatchObject({ code: 1001 });
  });
});
