import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { httpBroadcaster, type HttpBroadcasterOptions } from "../../src/broadcasters/http.ts";
import type { AcceptBroadcast, Broadcaster } from "../../src/broadcasters/broadcaster.ts";
import { CableError } from "../../src/errors.ts";
import { httpListener } from "../../src/http/listener.ts";
import { silentLogger } from "../../src/logger.ts";
import { parseBroadcast } from "../../src/publications/parse.ts";
import { eventually } from "../support/eventually.ts";
import { postPipelined, rawPost, statuses } from "../support/pipelined-posts.ts";
import { broadcasterContract, type Answer } from "./broadcaster.contract.ts";

const path = "/_broadcast";
const maxBodyBytes = 8 * 1024 * 1024;

interface Served {
  readonly broadcaster: Broadcaster;
  readonly url: string;
  readonly port: number;
  stop(): Promise<void>;
}

async function serve(options: Partial<HttpBroadcasterOptions> = {}): Promise<Served> {
  const listener = httpListener({ host: "127.0.0.1", port: 0, logger: silentLogger });
  const broadcaster = httpBroadcaster({
    routes: listener,
    path,
    key: undefined,
    corsOrigins: undefined,
    maxBodyBytes,
    logger: silentLogger,
    ...options,
  });
  await listener.start();
  return {
    broadcaster,
    port: listener.port,
    url: `http://127.0.0.1:${listener.port}${path}`,
    stop: () => listener.stop(AbortSignal.timeout(1_000)),
  };
}

function post(body: string, headers = ""): string {
  return rawPost(path, body, headers);
}

const answers: Readonly<Record<number, Answer>> = { 201: "accepted", 422: "malformed", 503: "unavailable", 500: "failed" };

broadcasterContract("http", async () => {
  const served = await serve();
  return {
    broadcaster: served.broadcaster,
    async publish(...bodies) {
      return (await postPipelined(served.port, path, bodies)).map((status) => answers[status]!);
    },
    close: served.stop,
  };
});

describe("http broadcaster", () => {
  const cleanups: (() => Promise<unknown> | void)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  });

  async function started(
    options: Partial<HttpBroadcasterOptions> = {},
    accept?: AcceptBroadcast,
  ): Promise<Served & { readonly bodies: string[] }> {
    const served = await serve(options);
    cleanups.push(served.stop);
    const bodies: string[] = [];
    await served.broadcaster.start((body) => {
      bodies.push(body);
      return accept?.(body);
    });
    return { ...served, bodies };
  }

  it("says what is malformed and where, and goes on", async () => {
    const { url } = await started({}, (body) => void parseBroadcast(body, 0));
    const response = await fetch(url, { method: "POST", body: `[{"stream":"a","data":"1"},{"stream":"b","data":2}]` });
    expect(response.status).toBe(422);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await response.json()).toEqual({
      error: { code: "publication.malformed", message: expect.stringMatching(/data must be a string.*a number.*element 1/s) as string },
    });
    expect((await fetch(url, { method: "POST", body: `{"stream":"a","data":"1"}` })).status).toBe(201);
  });

  it.each(["GET", "PUT", "OPTIONS"])("answers %s with 422", async (method) => {
    const { url, bodies } = await started();
    expect((await fetch(url, { method })).status).toBe(422);
    expect(bodies).toEqual([]);
  });

  it("asks publishers to come back while it can't take anything", async () => {
    const { url } = await started({}, () => Promise.reject(new CableError("publication.unavailable", "Redis is away.")));
    const response = await fetch(url, { method: "POST", body: "{}" });
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("1");
    expect(await response.json()).toEqual({ error: { code: "publication.unavailable", message: "Redis is away." } });
  });

  it("does not tell strangers about faults of its own", async () => {
    const { url } = await started({}, () => {
      throw new TypeError("internal detail");
    });
    const response = await fetch(url, { method: "POST", body: "{}" });
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("internal detail");
  });

  describe("with a key", () => {
    it.each([
      ["the key", "Bearer s3cret", 201],
      ["another case of the scheme", "bearer s3cret", 201],
      ["nothing", undefined, 401],
      ["a wrong key", "Bearer s3cres", 401],
      ["a longer key", "Bearer s3cret2", 401],
      ["an empty key", "Bearer ", 401],
      ["another scheme", "Basic s3cret", 401],
      ["the key alone", "s3cret", 401],
    ])("shown %s", async (_, authorization, status) => {
      const { url, bodies } = await started({ key: "s3cret" });
      const response = await fetch(url, { method: "POST", body: "{}", headers: authorization === undefined ? {} : { authorization } });
      expect(response.status).toBe(status);
      expect(await response.text()).toBe("");
      expect(bodies).toHaveLength(status === 201 ? 1 : 0);
    });

    it("can't be empty", async () => {
      await expect(serve({ key: "" })).rejects.toThrow(/empty/);
    });

    it("does not read the bodies of strangers", async () => {
      const { port, bodies } = await started({ key: "s3cret", maxBodyBytes: 100 });
      const socket = connect(port, "127.0.0.1");
      // The body is announced and never comes; the answer does.
      socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n`);
      expect(await statuses(socket, 1)).toEqual([401]);
      expect(bodies).toEqual([]);
    });
  });

  describe("body limit", () => {
    it("takes a body of exactly that many bytes", async () => {
      const { url, bodies } = await started({ maxBodyBytes: 1_000 });
      expect((await fetch(url, { method: "POST", body: "é".repeat(500) })).status).toBe(201);
      expect(bodies).toEqual(["é".repeat(500)]);
    });

    it("refuses a longer one as soon as its length is declared", async () => {
      const { port } = await started({ maxBodyBytes: 1_000 });
      const socket = connect(port, "127.0.0.1");
      socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n`);
      expect(await statuses(socket, 1)).toEqual([413]);
    });

    it("refuses a chunked one as soon as it is over, though its sender goes on", async () => {
      const { port, bodies } = await started({ maxBodyBytes: 1_000 });
      const socket = connect(port, "127.0.0.1");
      socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`);
      const chunk = `258\r\n${"x".repeat(600)}\r\n`;
      socket.write(chunk);
      socket.write(chunk);
      const answered = statuses(socket, 1);
      while (!socket.destroyed) if (!socket.write(chunk)) await Promise.race([once(socket, "drain"), once(socket, "close")]);
      expect(await answered).toEqual([413]);
      expect(bodies).toEqual([]);
    });

    it("lets the sender of a long body read why it was refused", async () => {
      const { url } = await started({ maxBodyBytes: 1_000 });
      const response = await fetch(url, { method: "POST", body: "x".repeat(20_000_000) });
      expect(response.status).toBe(413);
      expect(await response.json()).toEqual({
        error: { code: "publication.too_large", message: expect.stringContaining("1000 bytes") as string },
      });
    });
  });

  it("refuses compressed bodies and bodies that are not UTF-8", async () => {
    const { url, bodies } = await started();
    expect((await fetch(url, { method: "POST", body: "x", headers: { "content-encoding": "gzip" } })).status).toBe(415);
    const notText = await fetch(url, { method: "POST", body: new Uint8Array([0x22, 0xff, 0xfe, 0x22]) });
    expect(notText.status).toBe(422);
    expect(await notText.text()).toContain("UTF-8");
    expect(bodies).toEqual([]);
    expect((await fetch(url, { method: "POST", body: "x", headers: { "content-encoding": "identity" } })).status).toBe(201);
  });

  it("survives publishers that go away in the middle", async () => {
    const { port, url, bodies } = await started();
    const halfway = connect(port, "127.0.0.1");
    halfway.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{"half`);
    await once(halfway, "connect");
    halfway.resetAndDestroy();
    let goOn = (): void => {};
    const { port: slowPort, bodies: slowBodies } = await started({}, () => new Promise((resolve) => (goOn = resolve)));
    const impatient = connect(slowPort, "127.0.0.1");
    impatient.write(post("published"));
    await eventually(() => slowBodies).toEqual(["published"]);
    impatient.resetAndDestroy();
    await once(impatient, "close");
    goOn();
    expect((await fetch(url, { method: "POST", body: "{}" })).status).toBe(201);
    expect(bodies).toEqual(["{}"]);
  });

  it("keeps the order of a pipeline also when the first publication takes long", async () => {
    let release = (): void => {};
    const { port, bodies } = await started({}, (body) => (body === "slow" ? new Promise((resolve) => (release = resolve)) : undefined));
    const socket = connect(port, "127.0.0.1");
    socket.write(post("slow") + post("quick", "Transfer: x\r\n") + post("last"));
    await eventually(() => bodies).toEqual(["slow", "quick", "last"]);
    release();
    expect(await statuses(socket, 3)).toEqual([201, 201, 201]);
  });

  it("when stopped, answers what it has taken and refuses what is still coming", async () => {
    let release = (): void => {};
    const { port, broadcaster, bodies } = await started({}, () => new Promise((resolve) => (release = resolve)));
    const taken = connect(port, "127.0.0.1");
    taken.write(post("taken"));
    const coming = connect(port, "127.0.0.1");
    coming.write(post("coming").slice(0, -3));
    await eventually(() => bodies).toEqual(["taken"]);
    let hasStopped = false;
    const stopped = broadcaster.stop().then(() => (hasStopped = true));
    coming.write("ing");
    expect(await statuses(coming, 1)).toEqual([503]);
    expect(hasStopped).toBe(false);
    release();
    await stopped;
    expect(await statuses(taken, 1)).toEqual([201]);
    expect(bodies).toEqual(["taken"]);
  });

  describe("CORS", () => {
    const preflight = { method: "OPTIONS", headers: { origin: "https://app.example.io", "access-control-request-method": "POST" } };

    it("is off unless asked for", async () => {
      const { url } = await started();
      const response = await fetch(url, { method: "POST", body: "{}", headers: { origin: "https://app.example.io" } });
      expect(response.headers.get("access-control-allow-origin")).toBeNull();
    });

    it("lets pages of any origin publish when there is no list, without cookies", async () => {
      const { url, bodies } = await started({ corsOrigins: [], key: "s3cret" });
      const response = await fetch(url, preflight);
      expect(response.status).toBe(200);
      expect(response.headers.get("access-control-allow-origin")).toBe("*");
      expect(response.headers.get("access-control-allow-credentials")).toBeNull();
      expect(response.headers.get("access-control-allow-methods")).toBe("POST, OPTIONS");
      expect(response.headers.get("access-control-allow-headers")).toContain("Authorization");
      expect(bodies).toEqual([]);
    });

    it("names the origin when it is in the list, and nobody when it is not", async () => {
      const { url } = await started({ corsOrigins: ["*example.io"] });
      const listed = await fetch(url, { method: "POST", body: "{}", headers: preflight.headers });
      expect(listed.status).toBe(201);
      expect(listed.headers.get("access-control-allow-origin")).toBe("https://app.example.io");
      expect(listed.headers.get("access-control-allow-credentials")).toBe("true");
      expect(listed.headers.get("vary")).toBe("Origin");
      const other = await fetch(url, { ...preflight, headers: { ...preflight.headers, origin: "https://evilexample.io" } });
      expect(other.status).toBe(200);
      expect(other.headers.get("access-control-allow-origin")).toBeNull();
      expect(other.headers.get("vary")).toBe("Origin");
    });

    it("is on errors too, so that pages can read them", async () => {
      const { url } = await started({ corsOrigins: [] }, () => {
        throw new CableError("publication.malformed", "no");
      });
      const response = await fetch(url, { method: "POST", body: "x", headers: preflight.headers });
      expect(response.status).toBe(422);
      expect(response.headers.get("access-control-allow-origin")).toBe("*");
    });
  });
});
