import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CableClient, publicStream } from "../support/cable-client.ts";
import { bodiesOf, connectExt, positionOf, until } from "../support/ext-client.ts";
import { standalone, startRopeway, type Ropeway } from "../support/ropeway.ts";

let ropeway: Ropeway;
beforeAll(async () => {
  ropeway = await startRopeway([...standalone, "--broker=memory", "--history_limit=20"]);
});
afterAll(() => ropeway.stop());

let streams = 0;
/** A stream of this test alone, and the identifier that subscribes to it. */
function newStream(): { readonly stream: string; readonly identifier: string } {
  const stream = `history/${++streams}`;
  return { stream, identifier: publicStream(stream) };
}

async function publish(stream: string, ...bodies: readonly unknown[]): Promise<void> {
  for (const body of bodies) expect(await ropeway.publish({ stream, data: JSON.stringify(body) })).toBe(201);
}

const now = (): number => Math.floor(Date.now() / 1_000);
const confirmed = (identifier: string): object => ({ type: "confirm_history", identifier });
const rejected = (identifier: string): object => ({ type: "reject_history", identifier });

describe.each(["actioncable-v1-json", "actioncable-v1-ext-json"])("a client of %s that asks for what it missed", (protocol) => {
  const connect = (): Promise<CableClient> => CableClient.connect(ropeway.cable, { protocols: [protocol] });

  it("gets it by time, in order, and then a confirmation of exactly two keys", async () => {
    const { stream, identifier } = newStream();
    await publish(stream, 1, 2);
    const client = await connect();
    expect(await client.subscribe(identifier)).toEqual({ type: "confirm_subscription", identifier });
    client.say({ command: "history", identifier, history: { since: now() - 30 } });
    const heard = await until(client, "confirm_history");
    expect(bodiesOf(heard)).toEqual([1, 2]);
    expect(heard.at(-1)).toEqual(confirmed(identifier));
    expect(heard[0]).toEqual({ identifier, message: 1, stream_id: stream, epoch: expect.any(String) as string, offset: 1 });
    await client.close();
  });

  it("gets it by offset, and nothing when it is up to date", async () => {
    const { stream, identifier } = newStream();
    const client = await connect();
    await client.subscribe(identifier);
    await publish(stream, "one", "two", "three");
    const [first, , third] = [await client.next(), await client.next(), await client.next()];
    const other = await connect();
    await other.subscribe(identifier);
    other.say({ command: "history", identifier, history: { streams: { [stream]: positionOf(first) } } });
    expect(bodiesOf(await until(other, "confirm_history"))).toEqual(["two", "three"]);
    other.say({ command: "history", identifier, history: { since: 1, streams: { [stream]: positionOf(third!) } } });
    expect(await other.next()).toEqual(confirmed(identifier));
    await client.close();
    await other.close();
  });

  it("gets it with its subscription: the confirmation, what it missed, what comes", async () => {
    const { stream, identifier } = newStream();
    await publish(stream, 1, 2);
    const client = await connect();
    client.say({ command: "subscribe", identifier, history: { since: now() - 30 } });
    const heard = await until(client, "confirm_history");
    expect(heard[0]).toEqual({ type: "confirm_subscription", identifier });
    expect(bodiesOf(heard)).toEqual([1, 2]);
    await publish(stream, 3);
    expect(bodiesOf([await client.next()])).toEqual([3]);
    await client.close();
  });
});

describe("a request for history", () => {
  it.each<[string, (epoch: string) => object]>([
    ["an unknown epoch", () => ({ epoch: "other", offset: 1 })],
    ["an offset beyond the newest", (epoch) => ({ epoch, offset: 1_000 })],
    ["a negative offset", (epoch) => ({ epoch, offset: -1 })],
    ["an offset beyond all numbers", (epoch) => ({ epoch, offset: 1e300 })],
    ["an offset that is none", (epoch) => ({ epoch, offset: "1" })],
    ["an epoch of 60 KB", () => ({ epoch: "e".repeat(60_000), offset: 1 })],
  ])("with %s is rejected, and harms nobody", async (_what, position) => {
    const { stream, identifier } = newStream();
    const { client } = await connectExt(ropeway.cable);
    await client.subscribe(identifier);
    await publish(stream, 1);
    const { epoch } = positionOf(await client.next());
    client.say({ command: "history", identifier, history: { streams: { [stream]: position(epoch) } } });
    expect(await client.next()).toEqual(rejected(identifier));
    await publish(stream, 2);
    expect(bodiesOf([await client.next()])).toEqual([2]);
    await client.close();
  });

  it("that reaches back before what is kept is rejected, and nothing of it is sent", async () => {
    const { stream, identifier } = newStream();
    await publish(stream, ...Array.from({ length: 25 }, (_, at) => at + 1));
    const { client } = await connectExt(ropeway.cable);
    client.say({ command: "subscribe", identifier, history: { since: now() - 30 } });
    expect(await until(client, "reject_history")).toEqual([{ type: "confirm_subscription", identifier }, rejected(identifier)]);
    await publish(stream, 26);
    const { epoch } = positionOf(await client.next());
    client.say({ command: "history", identifier, history: { streams: { [stream]: { epoch, offset: 5 } } } });
    expect(await client.next()).toEqual(rejected(identifier));
    client.say({ command: "history", identifier, history: { streams: { [stream]: { epoch, offset: 6 } } } });
    expect(bodiesOf(await until(client, "confirm_history"))).toEqual(Array.from({ length: 20 }, (_, at) => at + 7));
    await client.close();
  });

  it("for nothing, or for a thousand other streams, is answered for the streams of the subscription alone", async () => {
    const { stream, identifier } = newStream();
    await publish(stream, 1);
    const { client } = await connectExt(ropeway.cable);
    await client.subscribe(identifier);
    client.say({ command: "history", identifier });
    expect(await client.next()).toEqual(rejected(identifier));
    const others = Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [`other${at}`, { epoch: "e", offset: 1 }]));
    client.say({ command: "history", identifier, history: { streams: others } });
    expect(await client.next()).toEqual(confirmed(identifier));
    await client.close();
  });

  it.each([undefined, null, {}, { since: 0 }, { streams: {} }])("for %j is rejected, and the stream goes on", async (history) => {
    const { stream, identifier } = newStream();
    const { client } = await connectExt(ropeway.cable);
    await client.subscribe(identifier);
    client.say({ command: "history", identifier, history });
    expect(await client.next()).toEqual(rejected(identifier));
    await publish(stream, 1);
    expect(bodiesOf([await client.next()])).toEqual([1]);
    await client.close();
  });

  it("never gets transient publications, which have no position", async () => {
    const { stream, identifier } = newStream();
    const { client } = await connectExt(ropeway.cable);
    await client.subscribe(identifier);
    await ropeway.publish({ stream, data: "1", meta: { transient: true } });
    await publish(stream, 2);
    expect(await client.next()).toEqual({ identifier, message: 1 });
    expect(await client.next()).toMatchObject({ message: 2, offset: 1 });
    client.say({ command: "history", identifier, history: { since: now() - 30 } });
    expect(bodiesOf(await until(client, "confirm_history"))).toEqual([2]);
    await client.close();
  });

  it("is whole while others publish: each message once and in order, for everybody who comes", async () => {
    const { stream, identifier } = newStream();
    const clients = await Promise.all(Array.from({ length: 20 }, () => connectExt(ropeway.cable)));
    let offset = 0;
    const publishing = (async () => {
      for (let at = 0; at < 200; at++) await publish(stream, at);
    })();
    const heard = clients.map(async ({ client }, at) => {
      await expect.poll(() => ropeway.metric("anycable_go_publications_total")).toBeGreaterThan(at);
      client.say({ command: "subscribe", identifier, history: { since: now() - 30 } });
      const messages = await until(client, "confirm_subscription").then(async () => [await client.next()]);
      // Rejected when more than the limit was published: then it begins with what comes.
      while (Number(messages.at(-1)?.["offset"] ?? 0) < 200) messages.push(await client.next());
      return messages.filter((message) => "offset" in message).map((message) => Number(message["offset"]));
    });
    await publishing;
    for (const offsets of await Promise.all(heard)) {
      offset = offsets[0]!;
      expect(offsets).toEqual(Array.from({ length: 200 - offset + 1 }, (_, at) => offset + at));
    }
    await Promise.all(clients.map(({ client }) => client.close()));
  });
});
