import { afterEach, describe, expect, it } from "vitest";
import { CableClient } from "../support/cable-client.ts";
import { eventually } from "../support/eventually.ts";
import { readinessOf } from "../support/readiness.ts";
import { rawAnswer, startRawHttp, type RawHttp, type RawRequest } from "../support/raw-http.ts";
import { startRopeway, type Ropeway } from "../support/ropeway.ts";
import { hears, says } from "../support/rpc-stage.ts";

const endings: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

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

const refused = { code: 1011, reason: "Auth Error" };

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
    const ropeway = await start(server.url, "--rpc_command_timeout=1500", "--disconnect_mode=never");
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
    await eventually(async () => {
      const client = new CableClient(ropeway.cable);
      const heard = await Promise.race([client.next(), client.ended]).catch(() => undefined);
      if (heard && "type" in heard) served.push(client);
      return served.length;
    }).toBe(5);
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
