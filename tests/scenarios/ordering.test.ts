import { once } from "node:events";
import { Agent, request, type IncomingMessage } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CableClient, publicStream, type Received } from "../support/cable-client.ts";
import { standalone, startRopeway, type Ropeway } from "../support/ropeway.ts";

const PUBLISHERS = 20;
const REQUESTS = 30;
const SUBSCRIBERS = 50;
const STREAMS = ["a", "b", "c", "d", "e", "f", "g", "h"];

interface Publication {
  readonly stream: string;
  readonly data: string;
}

/** Publishes over one connection that stays open, as an application's process does. */
class Publisher {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #url: string;

  constructor(ropeway: Ropeway) {
    this.#url = ropeway.http("/_broadcast");
  }

  async publish(body: Publication | readonly Publication[]): Promise<void> {
    const posted = request(this.#url, { agent: this.#agent, method: "POST", headers: { authorization: "Bearer test-broadcast-key" } });
    posted.end(JSON.stringify(body));
    const [response] = (await once(posted, "response")) as [IncomingMessage];
    response.resume();
    await once(response, "end");
    expect(response.statusCode).toBe(201);
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** What one publisher sends, request by request: single publications and batches, to streams that overlap with those of others. */
function requestsOf(publisher: number): readonly (readonly Publication[])[] {
  let number = 0;
  const next = (): Publication => ({
    stream: STREAMS[(publisher + number * 3) % STREAMS.length]!,
    data: JSON.stringify(`${publisher}/${number++}`),
  });
  return Array.from({ length: REQUESTS }, (_, at) => (at % 3 === 0 ? [next(), next(), next()] : [next()]));
}

/** What a client says while it listens, and the types of the answers. */
const chatter = [
  ["ping", "pong"],
  ["history", "reject_history"],
  ["presence", "presence"],
  ["ping", "pong"],
  ["ping", "pong"],
  ["history", "reject_history"],
] as const;

describe("order", () => {
  let ropeway: Ropeway;

  beforeAll(async () => {
    ropeway = await startRopeway([...standalone, "--ping_interval=0"]);
  });

  afterAll(async () => {
    await ropeway.stop();
  });

  async function subscriber(...streams: readonly string[]): Promise<CableClient> {
    const client = await CableClient.connect(ropeway.cable);
    for (const stream of streams) await client.subscribe(publicStream(stream));
    return client;
  }

  it("is the same for everybody who hears a stream, with every message once and each publisher's own order kept", async () => {
    const sent = Array.from({ length: PUBLISHERS }, (_, publisher) => requestsOf(publisher));
    const sentTo = (stream: string): Publication[] => sent.flat(2).filter((publication) => publication.stream === stream);
    const listeners = await Promise.all(
      Array.from({ length: SUBSCRIBERS }, async (_, at) => {
        const streams = STREAMS.filter((_name, index) => (at + index) % 3 !== 0);
        return { streams, client: await subscriber(...streams) };
      }),
    );

    const publishing = sent.map(async (requests) => {
      const publisher = new Publisher(ropeway);
      for (const body of requests) await publisher.publish(body.length === 1 ? body[0]! : body);
      publisher.close();
    });
    const listening = listeners.map(async ({ streams, client }) => {
      const heard = new Map<string, unknown[]>(streams.map((stream) => [stream, []]));
      const answers: unknown[] = [];
      let missing = streams.reduce((sum, stream) => sum + sentTo(stream).length, 0);
      for (const [command] of chatter) client.say({ command, identifier: publicStream(streams[0]!) });
      while (missing > 0 || answers.length < chatter.length) {
        const message = await client.next();
        if (message["type"] !== undefined) {
          answers.push(message["type"]);
        } else {
          heard.get(streamOf(message))!.push(message["message"]);
          missing--;
        }
      }
      expect(answers).toEqual(chatter.map(([, answer]) => answer));
      expect(await client.sync()).toEqual([]);
      return heard;
    });
    await Promise.all(publishing);
    const heardByAll = await Promise.all(listening);

    for (const stream of STREAMS) {
      const orders = heardByAll.flatMap((heard) => (heard.has(stream) ? [heard.get(stream)!] : []));
      expect(orders.length).toBeGreaterThan(SUBSCRIBERS / 2);
      expect(new Set(orders.map((order) => JSON.stringify(order))).size).toBe(1);
      for (let publisher = 0; publisher < PUBLISHERS; publisher++) {
        const own = (text: unknown): boolean => String(text).startsWith(`${publisher}/`);
        expect(orders[0]!.filter(own)).toEqual(
          sentTo(stream)
            .map(({ data }) => JSON.parse(data) as unknown)
            .filter(own),
        );
      }
    }
    for (const { client } of listeners) await client.close();
  });

  it("of a session's replies and broadcasts is that in which they came about", async () => {
    const client = await subscriber("a");
    const publisher = new Publisher(ropeway);
    for (let number = 0; number < 100; number++) {
      await publisher.publish({ stream: "a", data: String(number) });
      // The ping was sent after the publication had been taken: its pong comes after the message, and directly after it.
      expect(await client.sync()).toEqual([{ identifier: publicStream("a"), message: number }]);
    }
    publisher.close();
    await client.close();
  });

  it("of commands sent ahead is that of their answers", async () => {
    const client = await subscriber();
    const streams = Array.from({ length: 200 }, (_, at) => `ahead/${at}`);
    for (const stream of streams) {
      client.say({ command: "subscribe", identifier: publicStream(stream) });
      client.say({ command: "history", identifier: publicStream(stream) });
      client.say({ command: "unsubscribe", identifier: publicStream(stream) });
    }
    const heard = await client.sync();
    expect(heard).toEqual(
      streams.flatMap((stream) => [
        { type: "confirm_subscription", identifier: publicStream(stream) },
        { type: "reject_history", identifier: publicStream(stream) },
      ]),
    );
    await client.close();
  });

  it("of whispers among publications is the same for everybody who hears both", async () => {
    const stream = "whispered";
    const [whisperer, ...listeners] = await Promise.all(Array.from({ length: 6 }, () => subscriber(stream)));
    const publisher = new Publisher(ropeway);
    for (let number = 0; number < 50; number++) {
      whisperer!.say({ command: "whisper", identifier: publicStream(stream), data: `whisper ${number}` });
      await publisher.publish({ stream, data: JSON.stringify(`publication ${number}`) });
    }
    // All whispers have been carried out when the whisperer has its pong; it hears the publications alone.
    const heardByWhisperer = (await whisperer!.sync()).map(({ message }) => message);
    expect(heardByWhisperer).toEqual(Array.from({ length: 50 }, (_, at) => `publication ${at}`));
    const orders = await Promise.all(listeners.map(async (client) => (await client.sync()).map(({ message }) => message)));
    expect(new Set(orders.map((order) => JSON.stringify(order))).size).toBe(1);
    for (const kind of ["whisper", "publication"]) {
      const ofKind = orders[0]!.filter((text) => String(text).startsWith(kind));
      expect(ofKind).toEqual(Array.from({ length: 50 }, (_, at) => `${kind} ${at}`));
    }
    publisher.close();
    for (const client of [whisperer!, ...listeners]) await client.close();
  });

  it("is kept for each of several subscriptions to one stream, which all get their copy", async () => {
    const client = await CableClient.connect(ropeway.cable);
    // The same stream under identifiers that differ in their bytes only.
    const identifiers = ["", " ", "  "].map((space) => `{"channel":"$pubsub",${space}"stream_name":"twice"}`);
    for (const identifier of identifiers) expect(await client.subscribe(identifier)).toEqual({ type: "confirm_subscription", identifier });
    const publisher = new Publisher(ropeway);
    for (let number = 0; number < 20; number++) await publisher.publish({ stream: "twice", data: String(number) });
    const heard = await client.sync();
    for (const identifier of identifiers) {
      const own = heard.filter((message) => message["identifier"] === identifier).map(({ message }) => message);
      expect(own).toEqual(Array.from({ length: 20 }, (_, at) => at));
    }
    expect(heard).toHaveLength(60);
    publisher.close();
    await client.close();
  });
});

function streamOf(message: Received): string {
  return (JSON.parse(String(message["identifier"])) as { readonly stream_name: string }).stream_name;
}
