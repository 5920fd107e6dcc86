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

/** A client that hears the public stream `news`. */
async function listener(ropeway: Ropeway): Promise<CableClient> {
  const client = await CableClient.connect(ropeway.cable);
  cleanups.push(() => client.close());
  await client.subscribe(publicStream("news"));
  return client;
}

interface Answer {
  readonly status: number;
  readonly json: unknown;
}

/** Asks, and makes sure that the answer is a documented one. */
async function ask(operationId: string, url: string, init: RequestInit & { readonly key?: string } = {}): Promise<Answer> {
  const { key, ...rest } = init;
  const response = await fetch(url, {
    ...rest,
    headers: { ...(key !== undefined && { authorization: `Bearer ${key}` }), ...rest.headers },
  });
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
    const folder = mkdtempSync(join(tmpdir(), "ropeway-api-"));
    cleanups.push(() => rmSync(folder, { recursive: true }));
    const file = join(folder, "ropeway.toml");
    writeFileSync(file, '[api]\nsecret = "api-key"\ncors_headers = true\ncors_hosts = "app.example.com"\n');
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
