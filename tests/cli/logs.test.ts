import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { CableClient } from "../support/cable-client.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free-port.ts";
import { startGrpcApp } from "../support/grpc-app.ts";
import { startRedis } from "../support/redis-server.ts";
import { Ropeway, standalone } from "../support/ropeway.ts";

/** Starts the command and keeps all that it prints, byte by byte. */
class Printed {
  readonly ropeway: Ropeway;
  out = "";
  err = "";

  constructor(flags: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.ropeway = new Ropeway(["--port=0", "--broadcast_adapter=http", ...flags], env);
    this.ropeway.process.stdout!.on("data", (chunk: Buffer) => (this.out += chunk.toString()));
    this.ropeway.process.stderr!.on("data", (chunk: Buffer) => (this.err += chunk.toString()));
    running.push(this.ropeway);
  }

  /** Where clients connect, once it listens. */
  async cable(): Promise<string> {
    await eventually(() => this.out).toMatch(/Handle WebSocket connections at http:\S+\/cable/);
    return /Handle WebSocket connections at (http:[^\s"]+)/.exec(this.out)![1]!.replace("http", "ws");
  }
}

const running: Ropeway[] = [];
afterEach(async () => {
  for (const ropeway of running.splice(0)) await ropeway.stop();
});

describe("logs", () => {
  it("are JSON, one object a line, with the node and the session that a line is about", async () => {
    const printed = new Printed([...standalone, "--broadcast_key=key", "--log_format=json", "--debug", "--node_id=node-7"]);
    const client = new CableClient(await printed.cable());
    const { sid } = await client.next();
    client.say({ command: "dance" });
    await client.sync();
    await client.close();
    await printed.ropeway.logged("session closed");
    expect(await printed.ropeway.stop()).toBe(0);

    const lines = printed.out.trimEnd().split("\n");
    const records = lines.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
    for (const record of records) {
      expect(record).toMatchObject({ nodeid: "node-7", context: expect.any(String) as string, msg: expect.any(String) as string });
      expect(record["level"]).toMatch(/^(?:DEBUG|INFO|WARN|ERROR)$/);
      expect(record["time"]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    }
    const about = records.filter((record) => record["sid"] === sid).map(({ msg }) => msg);
    expect(about).toEqual(["session opening", "session open", "command failed", "session closed"]);
    expect(records[0]!["msg"]).toMatch(/^Starting Ropeway \d+\.\d+\.\d+ \(pid: \d+/);
    expect(records.at(-1)!["msg"]).toBe("Stopped");
    expect(printed.err).toBe("");
  });

  it("are text for people otherwise, with the same in it", async () => {
    const printed = new Printed([...standalone, "--broadcast_key=key", "--log_level=debug", "--node_id=node-7"]);
    const client = new CableClient(await printed.cable());
    const { sid } = await client.next();
    await client.close();
    await expect.poll(() => printed.out).toContain("session closed");
    expect(await printed.ropeway.stop()).toBe(0);
    for (const line of printed.out.trimEnd().split("\n")) {
      expect(line).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} (?:DBG|INF|WRN|ERR) [^]* nodeid=node-7 context=\w+$/);
    }
    expect(printed.out).toMatch(new RegExp(` DBG session open sid=${String(sid)} nodeid=node-7 `));
    expect(printed.err).toBe("");
  });

  it.each([
    ["debug", ["DBG", "INF", "WRN"]],
    ["info", ["INF", "WRN"]],
    ["warn", ["WRN"]],
    ["error", []],
  ])("are limited by --log_level=%s", async (level, expected) => {
    // A near miss of a variable is something to warn of. The port is named, since not every level announces it.
    const port = await freePort();
    const printed = new Printed([...standalone, "--broadcast_key=key", `--log_level=${level}`, `--port=${port}`], { ANYCABLE_PROT: "1" });
    const client = await vi.waitFor(() => CableClient.connect(`ws://127.0.0.1:${port}/cable`), 10_000);
    await client.close();
    expect(await printed.ropeway.stop()).toBe(0);
    const levels = new Set(printed.out.split("\n").flatMap((line) => /^\S+ \S+ (\w{3}) /.exec(line)?.[1] ?? []));
    expect([...levels].toSorted()).toEqual(expected.toSorted());
  });

  it("can't be forged by what clients send", async () => {
    const printed = new Printed([...standalone, "--broadcast_key=key", "--debug"]);
    const client = await CableClient.connect(await printed.cable(), { headers: { "x-request-id": "a b=c" } });
    client.say({ command: "message", identifier: "x\n2026-01-01 00:00:00.000 INF forged", data: "x" });
    client.say({ command: "\u001B[31m\u2028forged" });
    await client.sync();
    await expect.poll(() => printed.out.match(/command failed/g)?.length).toBe(2);
    for (const line of printed.out.trimEnd().split("\n")) expect(line).toMatch(/^[\d-]{10} [\d:.]{12} (?:DBG|INF|WRN) .* context=\w+$/);
    expect(["\u001B", "\u2028"].filter((character) => printed.out.includes(character))).toEqual([]);
    expect(printed.out).toContain('request_id="a b=c"');
  });

  it.each(["json", "text"])("hold no secret at debug level, as %s", async (format) => {
    const redis = await startRedis({ config: ["--requirepass", "sEcret-redis"] });
    onTestFinished(() => redis.kill());
    const app = await startGrpcApp({
      application: {
        connect: () => ({
          identifiers: '{"user":7}',
          transmissions: ['{"type":"welcome"}'],
          env: { cstate: new Map([["_s", "sEcret-cstate"]]), istate: new Map() },
        }),
        command({ data, identifier }) {
          if (data === "break") throw new Error("no such action");
          return { transmissions: [`{"type":"confirm_subscription","identifier":${JSON.stringify(identifier)}}`], streams: ["s"] };
        },
      },
    });
    onTestFinished(() => app.kill());
    const printed = new Printed(
      [
        "--debug",
        `--log_format=${format}`,
        "--secret=sEcret-secret",
        "--broadcast_adapter=http,redis",
        `--redis_url=redis://:sEcret-redis@127.0.0.1:${redis.port}`,
        `--rpc_host=${app.address}`,
        "--headers=cookie,authorization,x-api-token",
        "--metrics_http=/metrics",
      ],
      { ANYCABLE_BROADCAST_KEY: "sEcret-key" },
    );
    const cable = await printed.cable();
    const http = cable.replace("ws", "http").replace("/cable", "");
    const headers = { cookie: "session=sEcret-cookie", authorization: "Bearer sEcret-bearer", "x-api-token": "sEcret-api" };
    const client = await CableClient.connect(`${cable}?token=sEcret-query`, { headers });
    // With tokens that are none, in every place where there may be one.
    const tokens = [
      new CableClient(`${cable}?jid=sEcret-jid`),
      new CableClient(cable, { headers: { "x-jid": "sEcret-header" } }),
      new CableClient(cable, { protocols: ["actioncable-v1-json", "anycable-token.sEcret-protocol"] }),
    ];
    for (const each of tokens) {
      await each.next();
      await each.drop();
    }
    await client.subscribe("channel");
    client.say({ command: "message", identifier: "channel", data: "break" });
    client.socket.send("{broken");
    await client.sync();
    const publish = (key: string, body: string): Promise<Response> =>
      fetch(`${http}/_broadcast`, { method: "POST", headers: { authorization: `Bearer ${key}` }, body });
    expect((await publish("sEcret-guess", "{}")).status).toBe(401);
    expect((await publish("sEcret-key", "{}")).status).toBe(422);
    // 503 until Redis is there.
    await expect.poll(async () => (await publish("sEcret-key", '{"stream":"s","data":"1"}')).status).toBe(201);
    expect(await client.next()).toMatchObject({ message: 1 });
    // Refused for its origin, with cookies.
    const refused = new CableClient(`${cable}?jid=sEcret-jid`, {
      headers: { host: "a.test", origin: "https://b.test", cookie: "a=sEcret-cookie" },
    });
    await refused.ended;
    // Everything that can be away is away for a moment.
    await redis.kill();
    await app.kill();
    client.say({ command: "message", identifier: "channel", data: "x" });
    // The broadcaster, the pubsub between nodes and the application.
    await eventually(async () => (await (await fetch(`${http}/ready`)).text()).match(/"ok":false/g)?.length).toBe(3);
    const pages = [await (await fetch(`${http}/ready`)).text(), await (await fetch(`${http}/metrics`)).text()];
    await client.close();
    expect(await printed.ropeway.stop()).toBe(0);

    const everything = [printed.out, printed.err, ...pages].join("\n");
    expect(everything).toContain("malformed message from a client");
    expect(everything).toContain("connection refused: origin");
    // Whole lines, so that a failure shows what gave it away.
    expect(everything.split("\n").filter((line) => line.includes("sEcret"))).toEqual([]);
  });
});
