// The REST API of the built server, as an application sees it.

import { createHmac } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { CableClient, publicStream } from "../support/cable-client.ts";
import { freePort } from "../support/free-port.ts";
import { undocumented } from "../support/openapi.ts";
import { standalone, startRopeway, type Ropeway } from "../support/ropeway.ts";

const cleanups: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function started(flags: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ropeway> {
  const ropeway = await startRopeway([...standalone, ...flags], env);
  cleanups.push(() => ropeway.stop());
  return ropeway;
}

/** A client that hears a public stream. */
async function listener(ropeway: Ropeway, stream = "news", protocol = "actioncable-v1-json"): Promise<CableClient> {
  const client = await CableClient.connect(ropeway.cable, { protocols: [protocol] });
  cleanups.push(() => client.close());
  await client.subscribe(publicStream(stream));
  return client;
}

function configFile(toml: string): string {
  const folder = mkdtempSync(join(tmpdir(), "ropeway-api-"));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "ropeway.toml");
  writeFileSync(file, toml);
  return file;
}

interface Answer {
  readonly status: number;
  readonly json: unknown;
}

/** Asks, and makes sure that the answer is a documented one. */
async function ask(operationId: string, url: string, init: RequestInit & { readonly key?: string } = {}): Promise<Answer> {
  const { key, ...rest } = init;
  const response = await fetch(url, { ...rest, ...(key !== undefined && { headers: { authorization: `Bearer ${key}` } }) });
  const body = await response.text();
  const { status } = response;
  expect(undocumented(operationId, { status, contentType: response.headers.get("content-type"), body })).toEqual([]);
  return { status, json: body === "" ? undefined : (JSON.parse(body) as unknown) };
}

const news = (text: string): RequestInit => ({ method: "POST", body: JSON.stringify({ stream: "news", data: JSON.stringify(text) }) });

describe("publishing through the API", () => {
  it("reaches clients, for those who have the API's key", async () => {
    const ropeway = await started(["--api_secret=api-key"]);
    const client = await listener(ropeway);
    const url = ropeway.http("/api/publish");
    expect((await ask("publish", url, news("for nobody"))).status).toBe(401);
    // The key of the broadcaster.
    expect((await ask("publish", url, { ...news("for nobody"), key: "test-broadcast-key" })).status).toBe(401);
    expect((await ask("publish", url, { method: "POST", body: "{}", key: "api-key" })).status).toBe(422);
    expect((await ask("publish", url, { ...news("hello"), key: "api-key" })).status).toBe(201);
    expect(await client.next()).toEqual({ identifier: publicStream("news"), message: "hello" });
    expect(await ropeway.metric("anycable_go_publications_total")).toBe(1);
    expect(await ropeway.metric("anycable_go_failed_broadcast_msg_total")).toBe(1);
  });

  it("takes bodies up to http_broadcast_max_body_size", async () => {
    const ropeway = await started(["--api_secret=api-key", "--http_broadcast_max_body_size=1000"]);
    const answer = await ask("publish", ropeway.http("/api/publish"), { ...news("x".repeat(1_000)), key: "api-key" });
    expect(answer).toMatchObject({ status: 413, json: { error: { code: "publication.too_large" } } });
  });
});

describe("the API is there", () => {
  it("with a secret, whose derived key it asks for", async () => {
    const ropeway = await started(["--secret=s3cret"]);
    const key = createHmac("sha256", "s3cret").update("api-cable").digest("hex");
    const client = await listener(ropeway);
    expect((await ask("publish", ropeway.http("/api/publish"), { ...news("hello"), key: "s3cret" })).status).toBe(401);
    expect((await ask("publish", ropeway.http("/api/publish"), { ...news("hello"), key })).status).toBe(201);
    expect(await client.next()).toMatchObject({ message: "hello" });
  });

  it("without a key for --public on this machine, and with one as soon as there is a secret", async () => {
    const open = await started(["--public", `--http_broadcast_port=${await freePort()}`]);
    expect((await ask("node", open.http("/api/node"))).status).toBe(200);
    const closed = await started(["--public", "--secret=s3cret", `--http_broadcast_port=${await freePort()}`]);
    expect((await ask("node", closed.http("/api/node"))).status).toBe(401);
  });

  it("on a port of its own and below another path, if they are given, and nowhere else", async () => {
    const port = await freePort();
    const ropeway = await started([`--api_port=${port}`, "--api_path=/v1/", "--api_secret=api-key"]);
    expect((await ask("node", `http://127.0.0.1:${port}/v1/node`, { key: "api-key" })).status).toBe(200);
    expect((await fetch(ropeway.http("/v1/node"))).status).toBe(404);
    expect((await fetch(ropeway.http("/api/node"))).status).toBe(404);
  });

  it("not at all unless something asks for it", async () => {
    const ropeway = await started([]);
    expect((await fetch(ropeway.http("/api/node"))).status).toBe(404);
    expect((await fetch(ropeway.http("/api/publish"), news("hello"))).status).toBe(404);
  });

  it("for pages, if the configuration file says so", async () => {
    const file = configFile('[api]\nsecret = "api-key"\ncors_headers = true\ncors_hosts = "app.example.com"\n');
    const ropeway = await started([`--config-path=${file}`]);
    const allowed = async (origin: string): Promise<string | null> => {
      const response = await fetch(ropeway.http("/api/node"), { method: "OPTIONS", headers: { origin } });
      return response.headers.get("access-control-allow-origin");
    };
    expect(await allowed("https://app.example.com")).toBe("https://app.example.com");
    expect(await allowed("https://other.example.com")).toBeNull();
  });
});

describe("the node", () => {
  it("tells of itself, and of no secret", async () => {
    const ropeway = await started(["--api_secret=api-key", "--secret=s3cret", "--node_id=n1"]);
    await listener(ropeway);
    const { json } = await ask("node", ropeway.http("/api/node"), { key: "api-key" });
    expect(json).toMatchObject({
      type: "node",
      node_id: "n1",
      status: "ready",
      clients: 1,
      streams: 1,
      broker: null,
      pubsub: "local",
      broadcasters: ["http", "api"],
    });
    expect(JSON.stringify(json)).not.toMatch(/s3cret|api-key|broadcast-key/);
  });
});

describe("without a broker", () => {
  it("presence and history are not there", async () => {
    const ropeway = await started(["--api_secret=api-key"]);
    const expected = { status: 501, json: { error: { code: "api.unsupported" } } };
    expect(await ask("presenceUsers", ropeway.http("/api/presence/news/users"), { key: "api-key" })).toMatchObject(expected);
    expect(await ask("streamHistory", ropeway.http("/api/streams/news/history"), { key: "api-key" })).toMatchObject(expected);
  });
});

const key = "api-key";
const inMemory: readonly string[] = ["--broker=memory", `--api_secret=${key}`];

describe("with a broker", () => {
  const publish = (ropeway: Ropeway, stream: string, data: string, meta?: object): Promise<Answer> =>
    ask("publish", ropeway.http("/api/publish"), { method: "POST", body: JSON.stringify({ stream, data, meta }), key });
  const history = (ropeway: Ropeway, query = ""): Promise<Answer> =>
    ask("streamHistory", ropeway.http(`/api/streams/room%2F1/history${query}`), { key });

  interface Page {
    readonly head: { readonly epoch: string; readonly offset: number } | null;
    readonly publications: readonly { readonly epoch: string; readonly offset: number; readonly data: string }[];
    readonly next?: { readonly after: number; readonly epoch: string };
  }

  it("the history is what was published, at the positions that clients hear", async () => {
    const ropeway = await started(inMemory);
    expect((await history(ropeway)).json).toMatchObject({ stream: "room/1", head: null, publications: [] });
    const client = await listener(ropeway, "room/1", "actioncable-v1-ext-json");
    await publish(ropeway, "room/1", "1.0");
    await publish(ropeway, "room/1", `"not kept"`, { transient: true });
    await publish(ropeway, "room/1", "9007199254740993");
    await publish(ropeway, "room/2", `"elsewhere"`);
    await publish(ropeway, "room/1", "plain text");
    const heard = [await client.next(), await client.next(), await client.next(), await client.next()];
    const { json } = await history(ropeway);
    const { head, publications } = json as Page;
    expect(publications.map(({ data }) => data)).toEqual(["1.0", "9007199254740993", `"plain text"`]);
    expect(publications.map(({ epoch, offset }) => [epoch, offset])).toEqual(
      heard.filter(({ message }) => message !== "not kept").map(({ epoch, offset }) => [epoch, offset]),
    );
    expect(head).toEqual({ epoch: publications[0]!.epoch, offset: 3 });
  });

  it("the history is read page by page from a position on, with what is published meanwhile", async () => {
    const ropeway = await started(inMemory);
    for (const number of [1, 2, 3]) await publish(ropeway, "room/1", String(number));
    const { epoch } = ((await history(ropeway)).json as Page).head!;
    const found: string[] = [];
    for (let from: Page["next"] = { after: 0, epoch }; from !== undefined;) {
      const page = (await history(ropeway, `?limit=2&after=${from.after}&epoch=${from.epoch}`)).json as Page;
      if (found.length === 0) await publish(ropeway, "room/1", "4");
      found.push(...page.publications.map(({ data }) => data));
      from = page.next;
    }
    expect(found).toEqual(["1", "2", "3", "4"]);
  });

  it("what was trimmed is gone, and said to be", async () => {
    const ropeway = await started([...inMemory, "--history_limit=3"]);
    for (const number of [1, 2, 3, 4, 5]) await publish(ropeway, "room/1", String(number));
    const page = (await history(ropeway)).json as Page;
    expect(page.publications.map(({ data }) => data)).toEqual(["3", "4", "5"]);
    const { epoch } = page.head!;
    expect((await history(ropeway, `?after=2&epoch=${epoch}`)).status).toBe(200);
    expect(await history(ropeway, `?after=1&epoch=${epoch}`)).toMatchObject({ status: 410, json: { error: { code: "api.gone" } } });
    expect((await history(ropeway, "?after=2&epoch=another")).status).toBe(410);
    expect((await history(ropeway, "?since=0")).status).toBe(410);
  });

  it("those who joined are present until they leave", async () => {
    const ropeway = await started(inMemory);
    const users = async (query = ""): Promise<unknown> =>
      (await ask("presenceUsers", ropeway.http(`/api/presence/room%2F1/users${query}`), { key })).json;
    const [one, two] = [
      await listener(ropeway, "room/1", "actioncable-v1-ext-json"),
      await listener(ropeway, "room/1", "actioncable-v1-ext-json"),
    ];
    expect(await users()).toEqual({ type: "info", total: 0 });
    const identifier = publicStream("room/1");
    one.say({ command: "join", identifier, presence: { id: "1", info: { name: "Alice" } } });
    await one.next();
    two.say({ command: "join", identifier, presence: { id: "2", info: ["Bob"] } });
    await two.next();
    await two.next();
    const alice = { id: "1", info: { name: "Alice" } };
    expect(await users()).toEqual({ type: "info", total: 2, records: [alice, { id: "2", info: ["Bob"] }] });
    expect(await users("?records=false")).toEqual({ type: "info", total: 2 });
    two.say({ command: "leave", identifier });
    await two.next();
    expect(await users()).toEqual({ type: "info", total: 1, records: [alice] });
  });

  it("streams that are not kept have no history", async () => {
    const file = configFile('[[broker.streams]]\npattern = "room/*"\nhistory_limit = 0\n');
    const ropeway = await started([...inMemory, `--config-path=${file}`]);
    await publish(ropeway, "room/1", "1");
    expect(await history(ropeway)).toMatchObject({ status: 404, json: { error: { code: "api.not_found" } } });
  });

  it("the node says which", async () => {
    const ropeway = await started(inMemory);
    expect((await ask("node", ropeway.http("/api/node"), { key })).json).toMatchObject({
      broker: { name: "memory", history: "node", sessions: true, presence: true },
    });
  });
});
