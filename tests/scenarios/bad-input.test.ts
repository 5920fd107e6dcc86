import { connect } from "node:net";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CableClient, publicStream } from "../support/cable-client.ts";
import { RawWebsocket } from "../support/raw-websocket.ts";
import { standalone, startRopeway, type Ropeway } from "../support/ropeway.ts";

/**
 * Everything that a client, a publisher or a prankster may send. After each case the process is the same one, and a bystander that was
 * connected all along still hears what is published.
 */
describe("bad input", () => {
  let ropeway: Ropeway;
  let bystander: CableClient;
  let published = 0;

  beforeAll(async () => {
    ropeway = await startRopeway(standalone);
    bystander = await CableClient.connect(ropeway.cable);
    await bystander.subscribe(publicStream("bystander"));
  });

  afterAll(async () => {
    await ropeway.stop();
  });

  async function bystanderHears(): Promise<void> {
    const number = ++published;
    expect(await ropeway.publish({ stream: "bystander", data: JSON.stringify({ number }) })).toBe(201);
    expect(await bystander.next()).toEqual({ identifier: publicStream("bystander"), message: { number } });
    expect(ropeway.process.exitCode).toBeNull();
  }

  const open = (): Promise<RawWebsocket> => RawWebsocket.connect(ropeway.port);

  it("closes with 1002 after an unmasked frame", async () => {
    const raw = await open();
    raw.send(raw.frame(1, '{"command":"ping"}', { masked: false }));
    expect(await raw.closeCode()).toBe(1002);
    await bystanderHears();
  });

  it.each([
    ["reserved bits", (raw: RawWebsocket) => Buffer.concat([Buffer.from([0xf1]), raw.frame(1, "x").subarray(1)])],
    ["an unknown opcode", (raw: RawWebsocket) => raw.frame(5, "x")],
    ["a continuation of nothing", (raw: RawWebsocket) => raw.frame(0, "x")],
    ["a fragmented ping", (raw: RawWebsocket) => raw.frame(9, "x", { fin: false })],
    ["a ping of 126 bytes", (raw: RawWebsocket) => raw.frame(9, "x".repeat(126))],
  ])("closes with 1002 after %s", async (_what, frame) => {
    const raw = await open();
    raw.send(frame(raw));
    expect(await raw.closeCode()).toBe(1002);
    await bystanderHears();
  });

  it.each([
    ["sent", 65_537, undefined],
    ["announced", 10, 65_537],
    ["announced as nearly everything there is", 10, Number.MAX_SAFE_INTEGER],
  ])("closes with 1009 when more than 64 KiB are %s", async (_how, size, length) => {
    const raw = await open();
    raw.send(raw.frame(1, "x".repeat(size), length === undefined ? {} : { length }));
    expect(await raw.closeCode()).toBe(1009);
    await bystanderHears();
  });

  it("closes with 1009 when fragments add up to more than 64 KiB, and with 1008 when there is no end of empty ones", async () => {
    const large = await open();
    large.send(large.frame(1, "x".repeat(40_000), { fin: false }), large.frame(0, "x".repeat(40_000), { fin: false }));
    expect(await large.closeCode()).toBe(1009);
    const many = await open();
    const fragment = many.frame(0, "", { fin: false });
    many.send(many.frame(1, "", { fin: false }), ...Array.from({ length: 20_000 }, () => fragment));
    expect(await many.closeCode()).toBe(1008);
    await bystanderHears();
  });

  it("closes with 1007 after invalid UTF-8", async () => {
    const raw = await open();
    raw.send(raw.frame(1, Buffer.from([0x7b, 0xff, 0xfe])));
    expect(await raw.closeCode()).toBe(1007);
    await bystanderHears();
  });

  it("forgets a client that goes away in the middle of a frame", async () => {
    const before = await ropeway.metric("anycable_go_clients_num");
    const raw = await open();
    raw.send(raw.frame(1, '{"command":"pi', { length: 200 }));
    raw.socket.destroy();
    await ropeway.metricBecomes("anycable_go_clients_num", before);
    await bystanderHears();
  });

  it.each([
    ["binary frames", (raw: RawWebsocket) => raw.frame(2, '{"command":"ping"}')],
    ["broken JSON", (raw: RawWebsocket) => raw.frame(1, '{"command":')],
    ["deeply nested JSON", (raw: RawWebsocket) => raw.frame(1, '{"a":'.repeat(10_000))],
    ["huge JSON that is no command", (raw: RawWebsocket) => raw.frame(1, JSON.stringify({ a: "x".repeat(65_000) }))],
    ["empty messages", (raw: RawWebsocket) => raw.frame(1, "")],
    ["commands in __proto__", (raw: RawWebsocket) => raw.frame(1, '{"__proto__":{"command":"ping"}}')],
  ])("ignores 19 malformed messages in a row and closes with 1008 after the 20th: %s", async (_what, frame) => {
    const raw = await open();
    raw.send(...Array.from({ length: 19 }, () => frame(raw)));
    // A proper command in between, and the count begins anew.
    raw.text('{"command":"ping"}');
    raw.send(...Array.from({ length: 19 }, () => frame(raw)));
    raw.text('{"command":"ping"}');
    await expect.poll(() => raw.bytes.toString().match(/"pong"/g)?.length).toBe(2);
    raw.send(...Array.from({ length: 20 }, () => frame(raw)));
    expect(await raw.closeCode()).toBe(1008);
    await bystanderHears();
  });

  it("ignores wrong types in every field of every command", async () => {
    const client = await CableClient.connect(ropeway.cable);
    const failed = await ropeway.metric("anycable_go_failed_client_msg_total");
    let sent = 0;
    for (const command of ["subscribe", "unsubscribe", "message", "whisper", "history", "presence", "join", "leave", "nonsense"]) {
      for (const value of [null, 7, true, [], {}, [[]], { __proto__: null }, "", "\u0000", "x"]) {
        client.say({ command, identifier: value, data: value, history: value, presence: value });
        // Proper commands in between keep it below twenty in a row.
        if (++sent % 5 === 0) client.say({ command: "pong" });
      }
    }
    const heard = await client.sync();
    // "\0" and "x" are identifiers of no channel: without an application they are rejected, and everything else goes unanswered.
    expect(heard.every(({ type }) => type === "reject_subscription")).toBe(true);
    expect(await ropeway.metric("anycable_go_failed_client_msg_total")).toBeGreaterThan(failed + 60);
    await client.close();
    await bystanderHears();
  });

  it("rejects subscriptions past 1,000 on one connection", async () => {
    const client = await CableClient.connect(ropeway.cable);
    for (let at = 0; at < 10_000; at++) client.say({ command: "subscribe", identifier: publicStream(`many/${at}`) });
    const answers: Record<string, number> = {};
    for (let at = 0; at < 10_000; at++) {
      const { type } = await client.next();
      answers[String(type)] = (answers[String(type)] ?? 0) + 1;
    }
    expect(answers).toEqual({ confirm_subscription: 1_000, reject_subscription: 9_000 });
    expect(await ropeway.publish({ stream: "many/999", data: "1" })).toBe(201);
    expect(await client.next()).toMatchObject({ message: 1 });
    await client.close();
    await ropeway.metricBecomes("anycable_go_broadcast_streams_num", 1);
    await bystanderHears();
  });

  it("answers 100,000 pipelined commands in order, without growing", async () => {
    const raw = await open();
    const before = await ropeway.metric("process_resident_memory_bytes");
    const batch = Buffer.concat([
      ...Array.from({ length: 999 }, () => raw.frame(1, '{"command":"ping"}')),
      raw.frame(1, '{"command":"history","identifier":"nobody"}'),
    ]);
    for (let at = 0; at < 100; at++) {
      if (!raw.socket.write(batch)) await once(raw.socket, "drain");
    }
    raw.text(JSON.stringify({ command: "subscribe", identifier: publicStream("done") }));
    await expect.poll(() => raw.bytes.subarray(-500).includes("confirm_subscription"), { timeout: 20_000 }).toBe(true);
    expect(raw.bytes.toString("latin1").split('"pong"')).toHaveLength(99_901);
    expect((await ropeway.metric("process_resident_memory_bytes")) - before).toBeLessThan(100 * 1024 * 1024);
    raw.socket.destroy();
    await bystanderHears();
  }, 40_000);

  it("does not collect answers for a client that sends and never reads", async () => {
    const raw = await open();
    raw.socket.pause();
    const before = await ropeway.metric("process_resident_memory_bytes");
    const batch = Buffer.concat(Array.from({ length: 1_000 }, () => raw.frame(1, '{"command":"ping"}')));
    // It may be cut off before it has said everything.
    for (let at = 0; at < 1_000 && !raw.socket.destroyed; at++) {
      if (!raw.socket.write(batch)) await Promise.race([once(raw.socket, "drain").catch(() => {}), raw.ended]);
    }
    await ropeway.metricBecomes("anycable_go_disconnected_slow_clients_total", 1);
    await ropeway.metricBecomes("anycable_go_timeout_server_msg_total", 1);
    raw.socket.destroy();
    expect((await ropeway.metric("process_resident_memory_bytes")) - before).toBeLessThan(100 * 1024 * 1024);
    await bystanderHears();
  }, 40_000);

  it("takes any text as the name of a stream or an identifier", async () => {
    const client = await CableClient.connect(ropeway.cable);
    const names = ["__proto__", "constructor", "a b\tc", "\u0000", "\u2028", "💥", "a".repeat(20_000), "*", ">", "$x", "{tag}", '"\\'];
    for (const name of names) {
      expect(await client.subscribe(publicStream(name))).toEqual({ type: "confirm_subscription", identifier: publicStream(name) });
      expect(await ropeway.publish({ stream: name, data: JSON.stringify({ name }) })).toBe(201);
      expect(await client.next()).toEqual({ identifier: publicStream(name), message: { name } });
      client.say({ command: "unsubscribe", identifier: publicStream(name) });
    }
    expect(await client.subscribe(JSON.stringify({ channel: "$pubsub", stream_name: "\ud800" }))).toMatchObject({
      type: "confirm_subscription",
    });
    await client.close();
    await bystanderHears();
  });

  it("answers a flood of headers with 431 and closes", async () => {
    const socket = connect(ropeway.port, "127.0.0.1");
    let answer = "";
    socket.on("data", (chunk: Buffer) => (answer += chunk.toString()));
    socket.on("error", () => {});
    socket.write("GET /cable HTTP/1.1\r\nHost: x\r\n");
    socket.write(Array.from({ length: 700 }, (_, at) => `X-Flood-${at}: ${"x".repeat(100)}\r\n`).join(""));
    await new Promise((resolve) => socket.on("close", resolve));
    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
    await bystanderHears();
  });

  it("publishes to nobody", async () => {
    for (let at = 0; at < 200; at++) expect(await ropeway.publish({ stream: `nobody/${at}`, data: "1" })).toBe(201);
    await bystanderHears();
  });

  it.each([
    ["no JSON", "{", 422],
    ["no publication", "{}", 422],
    ["data that is no string", JSON.stringify({ stream: "bystander", data: { a: 1 } }), 422],
    ["a batch with a hole", JSON.stringify([{ stream: "bystander", data: "1" }, null]), 422],
    ["an empty body", "", 422],
    ["more than 8 MiB", JSON.stringify({ stream: "bystander", data: "x".repeat(8 * 1024 * 1024) }), 413],
  ])("refuses to publish %s", async (_what, body, status) => {
    const response = await fetch(ropeway.http("/_broadcast"), {
      method: "POST",
      headers: { authorization: "Bearer test-broadcast-key" },
      body,
    });
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({ error: { code: expect.stringMatching(/^publication\./), message: expect.any(String) } });
    await bystanderHears();
  });
});
