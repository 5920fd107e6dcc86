import { afterEach, describe, expect, it } from "vitest";
import type { Application } from "../support/application.ts";
import { CableClient } from "../support/cable-client.ts";
import { freePort } from "../support/free-port.ts";
import { startHttpApp, type HttpApp } from "../support/http-app.ts";
import { rawAnswer, startRawHttp, type RawHttp, type RawRequest } from "../support/raw-http.ts";
import { startRopeway, type Ropeway } from "../support/ropeway.ts";
import { hears, says } from "../support/rpc-stage.ts";

const polite: Application = {
  connect: (_request, { sid }) => ({ identifiers: "{}", transmissions: [says.welcome(sid)] }),
  command: ({ command, identifier }) =>
    command === "subscribe" ? { streams: [identifier], transmissions: [says.confirm(identifier)] } : {},
};

const endings: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

async function app(port = 0, application = polite): Promise<HttpApp> {
  const started = await startHttpApp({ port, application });
  endings.push(() => started.kill());
  return started;
}

async function raw(respond: (request: RawRequest) => void): Promise<RawHttp> {
  const server = await startRawHttp(respond);
  endings.push(() => server.close());
  return server;
}

async function start(url: string, ...flags: readonly string[]): Promise<Ropeway> {
  const ropeway = await startRopeway([`--rpc_host=${url}`, ...flags]);
  // First of all: an application that has gone would be waited for.
  endings.unshift(() => ropeway.stop());
  return ropeway;
}

interface Readiness {
  readonly http: number;
  readonly status: string;
  readonly rpc: { readonly ok: boolean; readonly detail: string };
}

async function readinessOf(ropeway: Ropeway): Promise<Readiness> {
  const response = await fetch(ropeway.http("/ready"));
  const { status, parts } = (await response.json()) as { readonly status: string; readonly parts: { readonly rpc: Readiness["rpc"] } };
  return { http: response.status, status, rpc: parts.rpc };
}

const refused = { code: 1011, reason: "Auth Error" };

describe("an application behind HTTP that is away", () => {
  it("at the start is waited for, by any number of clients", async () => {
    const port = await freePort();
    const ropeway = await start(`http://127.0.0.1:${port}/_anycable`, "--rpc_command_timeout=10000");
    const clients = Array.from({ length: 60 }, () => new CableClient(ropeway.cable));
    await ropeway.logged("the application can't be reached; trying on");
    await ropeway.metricBecomes("anycable_go_rpc_pending_num", 60 - 28);
    expect(await readinessOf(ropeway)).toMatchObject({ http: 200, status: "degraded", rpc: { ok: false } });

    await app(port);
    for (const client of clients) expect(await client.next()).toMatchObject({ type: "welcome" });
    expect(await ropeway.metric("anycable_go_rpc_error_total")).toBe(0);
    await ropeway.logged("the application can be reached again");
    expect(await readinessOf(ropeway)).toMatchObject({ http: 200, status: "ready", rpc: { ok: true } });
    for (const client of clients) await client.drop();
  });

  it("keeps its clients, who go on hearing what is published, and serves them when it is back", async () => {
    const first = await app();
    const ropeway = await start(first.url, "--rpc_command_timeout=10000");
    const client = await CableClient.connect(ropeway.cable);
    expect(await client.subscribe("one")).toEqual(hears.confirm("one"));

    await first.kill();
    client.say({ command: "subscribe", identifier: "two" });
    const newcomer = new CableClient(ropeway.cable);
    await ropeway.logged("the application can't be reached; trying on");
    await ropeway.publish({ stream: "one", data: '"news"' });
    expect(await client.next()).toEqual({ identifier: "one", message: "news" });

    const second = await app(first.port);
    expect(await client.next()).toEqual(hears.confirm("two"));
    expect(await newcomer.next()).toMatchObject({ type: "welcome" });
    expect(second.calls.map(({ method }) => method).toSorted()).toEqual(["Command", "Connect"]);
    await client.close();
    await newcomer.close();
  });

  it("because it died in the middle of a call is asked again when it is back", async () => {
    const first = await app(0, { ...polite, command: () => new Promise(() => {}) });
    const ropeway = await start(first.url, "--rpc_command_timeout=10000");
    const client = await CableClient.connect(ropeway.cable);
    client.say({ command: "subscribe", identifier: "one" });
    await expect.poll(() => first.calls).toHaveLength(2);
    await first.kill();
    const second = await app(first.port);
    expect(await client.next()).toEqual(hears.confirm("one"));
    expect(await client.sync()).toEqual([]);
    expect(second.calls).toHaveLength(1);
    expect(await ropeway.metric("anycable_go_rpc_error_total")).toBe(0);
    await client.close();
  });
});

describe("an application behind HTTP that takes calls and never answers", () => {
  it("costs the first clients the time limit and the next ones nothing, until it answers again", async () => {
    let isHanging = false;
    const waiting: RawRequest[] = [];
    const answer = ({ socket, head }: RawRequest): void => {
      const sid = /^x-anycable-meta-sid: (.*)$/m.exec(head)![1]!;
      socket.write(rawAnswer(200, JSON.stringify({ status: 1, identifiers: "{}", transmissions: [says.welcome(sid)] })));
    };
    const server = await raw((request) => {
      if (isHanging) waiting.push(request);
      else answer(request);
    });
    const ropeway = await start(server.url, "--rpc_command_timeout=400", "--disconnect_mode=never");
    const old = await CableClient.connect(ropeway.cable);

    isHanging = true;
    const clients = Array.from({ length: 12 }, () => new CableClient(ropeway.cable));
    for (const client of clients) expect(await client.ended).toEqual(refused);
    await ropeway.logged("connection refused: the application could not be asked", ({ code }) => code === "rpc.timeout");
    await ropeway.logged("circuit open: the application does not answer, so calls to it fail at once");
    expect(await ropeway.metric("anycable_go_rpc_circuit_open")).toBe(1);
    const readiness = await readinessOf(ropeway);
    expect(readiness).toMatchObject({ http: 200, status: "degraded", rpc: { ok: false } });
    expect(readiness.rpc.detail).toMatch(
      `${server.url}: calls fail at once (circuit open); the last failure: the call was given up: no answer`,
    );

    const before = server.requests.length;
    expect(await new CableClient(ropeway.cable).ended).toEqual(refused);
    await ropeway.logged("connection refused: the application could not be asked", ({ code }) => code === "rpc.unavailable");
    expect(server.requests).toHaveLength(before);
    expect(await old.sync()).toEqual([]);

    isHanging = false;
    const served: CableClient[] = [];
    await expect
      .poll(
        async () => {
          const client = new CableClient(ropeway.cable);
          const heard = await Promise.race([client.next(), client.ended]).catch(() => undefined);
          if (heard && "type" in heard) served.push(client);
          return served.length;
        },
        { timeout: 10_000 },
      )
      .toBe(5);
    await ropeway.logged("circuit closed: the application answers again");
    expect(await ropeway.metric("anycable_go_rpc_circuit_open")).toBe(0);
    expect(await readinessOf(ropeway)).toMatchObject({ status: "ready", rpc: { ok: true, detail: server.url } });
    for (const client of [old, ...served]) await client.close();
  });
});

describe("an application behind HTTP that answers nonsense", () => {
  it.each([
    ["500", rawAnswer(500, "boom"), "rpc.failed", "ready"],
    ["HTML", rawAnswer(200, "<html></html>"), "rpc.invalid_answer", "ready"],
    ["JSON with wrong types", rawAnswer(200, '{"status":1,"transmissions":{"0":"x"}}'), "rpc.invalid_answer", "ready"],
    ["a redirect", rawAnswer(302, "", { Location: "/login" }), "rpc.failed", "ready"],
    ["what is no HTTP", Buffer.from("-ERR unknown command\r\n"), "rpc.invalid_answer", "degraded"],
  ] as const)("like %s turns clients away with 1011, at once and without a word", async (_what, bytes, code, status) => {
    const server = await raw(({ socket }) => socket.write(bytes));
    const ropeway = await start(server.url);
    const client = new CableClient(ropeway.cable);
    expect(await client.ended).toEqual(refused);
    expect(client.unread).toEqual([]);
    await ropeway.logged("connection refused: the application could not be asked", (line) => line["code"] === code);
    expect(await ropeway.metric("anycable_go_rpc_retries_total")).toBe(0);
    expect(await readinessOf(ropeway)).toMatchObject({ http: 200, status });
  });

  it("to a command leaves it unanswered, and the client and all others are served on", async () => {
    const bytes = [rawAnswer(500, "boom"), rawAnswer(200, "{"), rawAnswer(200, '{"status":1', { "Content-Length": "12" })];
    const polite = (sid: string, identifier: string | undefined): Buffer =>
      identifier === undefined
        ? rawAnswer(200, JSON.stringify({ status: 1, identifiers: "{}", transmissions: [says.welcome(sid)] }))
        : rawAnswer(200, JSON.stringify({ status: 1, streams: [identifier], transmissions: [says.confirm(identifier)] }));
    const server = await raw(({ socket, head, body }) => {
      const sid = /^x-anycable-meta-sid: (.*)$/m.exec(head)![1]!;
      const { identifier } = JSON.parse(body) as { readonly identifier?: string };
      if (identifier?.startsWith("bad")) socket.end(bytes[Number(identifier.slice(3))]!);
      else socket.write(polite(sid, identifier));
    });
    const ropeway = await start(server.url, "--disconnect_mode=never");
    const [client, other] = [await CableClient.connect(ropeway.cable), await CableClient.connect(ropeway.cable)];
    for (const at of bytes.keys()) client.say({ command: "subscribe", identifier: `bad${at}` });
    expect(await other.subscribe("good")).toEqual(hears.confirm("good"));
    expect(await client.subscribe("good")).toEqual(hears.confirm("good"));
    await ropeway.publish({ stream: "good", data: "1" });
    for (const one of [client, other]) expect(await one.next()).toEqual({ identifier: "good", message: 1 });
    expect(ropeway.log.filter(({ msg }) => msg === "command failed").map(({ code }) => code)).toEqual([
      "rpc.failed",
      "rpc.invalid_answer",
      "rpc.invalid_answer",
    ]);
    await client.close();
    await other.close();
  });
});
