import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CableClient } from "../support/cable-client.ts";
import { standalone, startRopeway, type Ropeway } from "../support/ropeway.ts";

/** What a client has heard, as the text it came in. */
function textsOf(client: CableClient): string[] {
  const texts: string[] = [];
  client.socket.on("message", (data: Buffer) => texts.push(data.toString()));
  return texts;
}

async function pingsOf(client: CableClient, count: number): Promise<unknown[]> {
  const pings = [];
  while (pings.length < count) pings.push((await client.nextPing())["message"]);
  return pings;
}

// Each test waits for pings that come once a second: together they wait no longer than one alone.
describe.concurrent("pings", () => {
  let ropeway: Ropeway;

  beforeAll(async () => {
    ropeway = await startRopeway([...standalone, "--ping_interval=1"]);
  });

  afterAll(async () => {
    await ropeway.stop();
  });

  const connect = (query: string): Promise<CableClient> => CableClient.connect(ropeway.cable + query);

  it.each([
    ["seconds", "", /^\{"type":"ping","message":\d{10}\}$/],
    ["seconds when asked for", "?pi=1&ptp=s", /^\{"type":"ping","message":\d{10}\}$/],
    ["milliseconds", "?ptp=ms", /^\{"type":"ping","message":\d{13}\}$/],
    ["nanoseconds, every digit of them", "?ptp=ns", /^\{"type":"ping","message":\d{19}\}$/],
    ["the last of several precisions", "?ptp=ns&ptp=ms", /^\{"type":"ping","message":\d{13}\}$/],
  ])("tell a time that only increases, in %s", async (_unit, query, shape) => {
    const client = await connect(query);
    const texts = textsOf(client);
    await pingsOf(client, 2);
    expect(texts).toHaveLength(2);
    for (const text of texts) expect(text).toMatch(shape);
    const [first, second] = texts.map((text) => BigInt(/\d+/.exec(text)![0]));
    expect(second! > first!).toBe(true);
    await client.close();
  });

  it("tell the nanoseconds of now, and not rounded ones", async () => {
    const client = await connect("?ptp=ns");
    const texts = textsOf(client);
    await pingsOf(client, 2);
    const times = texts.map((text) => BigInt(/\d+/.exec(text)![0]));
    const nowNs = BigInt(Date.now()) * 1_000_000n;
    for (const time of times) expect(nowNs - time < 60_000_000_000n && time - nowNs < 1_000_000_000n).toBe(true);
    // Through a double, the last two digits would be those of a multiple of 256.
    expect(times.every((time) => BigInt(Number(time)) === time)).toBe(false);
    await client.close();
  });

  it.each([
    ["?pi=0", "it asks for none"],
    ["?pi=1&pi=0", "the last of its wishes is none"],
    ["?pi=3600", "it asks for very few"],
  ])("%s does not come when %s", async (query) => {
    const quiet = await connect(query);
    const texts = textsOf(quiet);
    const pinged = await connect("");
    // Who came later and has the default interval has heard two by now.
    await pingsOf(pinged, 2);
    expect(await quiet.sync()).toEqual([]);
    expect(texts).toEqual(['{"type":"pong"}']);
    await Promise.all([quiet.close(), pinged.close()]);
  });

  it("keep to the defaults where a wish makes no sense, and the log says so", async () => {
    const queries = ["?pi=often", "?pi=-1", "?pi=1.5", "?pi=", "?pi=99999999999999999999", "?ptp=us", "?ptp=", "?pi=x&ptp=y"];
    const keepsToDefaults = async (query: string): Promise<void> => {
      const client = new CableClient(ropeway.cable + query);
      const { sid } = await client.next();
      const line = await ropeway.logged("query parameters ignored: not understood", (logged) => logged["sid"] === sid);
      expect(line).toMatchObject({ level: "WARN", params: [...new URLSearchParams(query).keys()].join(",") });
      const texts = textsOf(client);
      await pingsOf(client, 1);
      expect(texts[0]).toMatch(/^\{"type":"ping","message":\d{10}\}$/);
      await client.close();
    };
    await Promise.all(queries.map(keepsToDefaults));
  });

  it("are answered with a pong when the client sends them", async () => {
    const client = await connect("?pi=0");
    const texts = textsOf(client);
    for (let at = 0; at < 3; at++) client.say({ command: "ping" });
    for (let at = 0; at < 3; at++) await client.next();
    expect(texts).toEqual(['{"type":"pong"}', '{"type":"pong"}', '{"type":"pong"}']);
    await client.close();
  });

  it("can be had in another precision and interval for everybody", async ({ onTestFinished }) => {
    const fine = await startRopeway([...standalone, "--ping_interval=1", "--ping_timestamp_precision=ms"]);
    onTestFinished(async () => void (await fine.stop()));
    const silent = await startRopeway([...standalone, "--ping_interval=0"]);
    onTestFinished(async () => void (await silent.stop()));
    const quiet = await CableClient.connect(silent.cable);
    const asking = await CableClient.connect(`${silent.cable}?pi=1`);
    const pinged = await CableClient.connect(fine.cable);
    const [heard, unheard] = [textsOf(pinged), textsOf(quiet)];
    await Promise.all([pingsOf(pinged, 2), pingsOf(asking, 2)]);
    expect(heard[0]).toMatch(/^\{"type":"ping","message":\d{13}\}$/);
    expect(await quiet.sync()).toEqual([]);
    expect(unheard).toEqual(['{"type":"pong"}']);
  });
});

describe.concurrent("the pong timeout", () => {
  const connect = async (
    ropeway: Ropeway,
    autoPong: boolean,
  ): Promise<{ client: CableClient; texts: string[]; nativePings: () => number }> => {
    const client = new CableClient(ropeway.cable, { autoPong });
    let nativePings = 0;
    client.socket.on("ping", () => nativePings++);
    const texts = textsOf(client);
    await client.next();
    return { client, texts, nativePings: () => nativePings };
  };

  it("ends whoever leaves native pings unanswered, and nobody else", async ({ onTestFinished }) => {
    const ropeway = await startRopeway([...standalone, "--ping_interval=1", "--enable_native_pings", "--pong_timeout=2"]);
    onTestFinished(async () => void (await ropeway.stop()));
    const [answering, speaking, dead] = await Promise.all([connect(ropeway, true), connect(ropeway, false), connect(ropeway, false)]);
    // No native pong from this one, but any word is a sign of life.
    speaking.client.socket.on("ping", () => speaking.client.say({ command: "pong" }));

    expect(await dead.client.ended).toEqual({ code: 1000, reason: "No Pong" });
    const [welcome, ...rest] = dead.texts;
    expect(welcome).toMatch(/^\{"type":"welcome","sid":"[^"]+"\}$/);
    expect(rest.pop()).toBe('{"type":"disconnect","reason":"no_pong","reconnect":true}');
    expect(rest.length).toBeGreaterThanOrEqual(1);
    for (const text of rest) expect(text).toMatch(/^\{"type":"ping","message":\d{10}\}$/);
    expect(dead.nativePings()).toBe(rest.length);

    for (const { client, nativePings } of [answering, speaking]) {
      await expect.poll(nativePings, { timeout: 10_000 }).toBeGreaterThanOrEqual(4);
      expect(await client.sync()).toEqual([]);
    }
    await ropeway.metricBecomes("anycable_go_clients_num", 2);
  });

  it("means nothing where nobody is asked for an answer", async ({ onTestFinished }) => {
    const ropeway = await startRopeway([...standalone, "--ping_interval=1", "--pong_timeout=1"]);
    onTestFinished(async () => void (await ropeway.stop()));
    const { client, nativePings } = await connect(ropeway, false);
    await pingsOf(client, 3);
    expect(await client.sync()).toEqual([]);
    expect(nativePings()).toBe(0);
  });
});
