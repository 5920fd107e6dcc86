import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { CableClient, publicStream, type Received } from "../support/cable-client.ts";
import { startGrpcApp } from "../support/grpc-app.ts";
import { RawWebsocket } from "../support/raw-websocket.ts";
import { standalone, startRopeway, type Ropeway } from "../support/ropeway.ts";
import { askUpgrade } from "../support/upgrade-request.ts";

const goodbye: Received = { type: "disconnect", reason: "server_restart", reconnect: true };

/** A server with these flags, gone when the test is over. */
async function serve(...flags: readonly string[]): Promise<Ropeway> {
  const ropeway = await startRopeway([...standalone, "--ping_interval=0", ...flags]);
  onTestFinished(async () => void (await ropeway.stop("SIGKILL")));
  return ropeway;
}

async function readiness(ropeway: Ropeway): Promise<{ readonly status: number; readonly body: unknown }> {
  const response = await fetch(ropeway.http("/ready"));
  return { status: response.status, body: await response.json() };
}

describe("shutdown", () => {
  it.each(["SIGTERM", "SIGINT"] as const)(
    "on %s says goodbye to every one of 500 clients before the process ends, and frees the port",
    async (signal) => {
      const ropeway = await serve();
      const clients = await Promise.all(Array.from({ length: 500 }, () => CableClient.connect(ropeway.cable)));
      const { port } = ropeway;
      expect(await ropeway.stop(signal)).toBe(0);
      const ends = await Promise.all(
        clients.map(async (client) => [await client.next(), await client.ended, client.unread.length] as const),
      );
      for (const end of ends) expect(end).toEqual([goodbye, { code: 1001, reason: "Server restart" }, 0]);

      const successor = await serve(`--port=${port}`);
      expect(successor.port).toBe(port);
      const client = await CableClient.connect(successor.cable);
      expect(await client.sync()).toEqual([]);
    },
  );

  it("delivers every publication that was answered 201, and takes none after the goodbye", async () => {
    const ropeway = await serve();
    const client = await CableClient.connect(ropeway.cable);
    await client.subscribe(publicStream("late"));
    const taken: string[] = [];
    let refused = 0;
    // Ten publishers that go on until they are refused; the signal comes in the middle.
    const publishers = Array.from({ length: 10 }, async (_, publisher) => {
      for (let number = 0; ; number++) {
        const text = `${publisher}/${number}`;
        const status = await ropeway.publish({ stream: "late", data: JSON.stringify(text) }).catch(() => "refused");
        if (status !== 201) {
          refused++;
          return;
        }
        taken.push(text);
      }
    });
    await expect.poll(() => taken.length).toBeGreaterThan(200);
    expect(await ropeway.stop()).toBe(0);
    await Promise.all(publishers);
    expect(refused).toBe(10);
    const heard: unknown[] = [];
    for (let message = await client.next(); ; message = await client.next()) {
      if (message["type"] !== undefined) {
        expect(message).toEqual(goodbye);
        break;
      }
      heard.push(message["message"]);
    }
    expect(heard).toEqual(expect.arrayContaining(taken));
    expect(new Set(heard).size).toBe(heard.length);
    expect(client.unread).toEqual([]);
  });

  it("goes on serving for shutdown_delay, while readiness sends new clients elsewhere", async () => {
    const ropeway = await serve("--shutdown_delay=3");
    expect(await readiness(ropeway)).toEqual({ status: 200, body: { status: "ready", parts: {} } });
    const client = await CableClient.connect(ropeway.cable);
    await client.subscribe(publicStream("meanwhile"));
    ropeway.process.kill("SIGTERM");
    await ropeway.logged(/shutdown_delay/);

    expect(await readiness(ropeway)).toEqual({ status: 503, body: { status: "stopping", parts: {} } });
    expect((await fetch(ropeway.http("/health"))).status).toBe(200);
    const newcomer = await CableClient.connect(ropeway.cable);
    await newcomer.subscribe(publicStream("meanwhile"));
    expect(await ropeway.publish({ stream: "meanwhile", data: "1" })).toBe(201);
    for (const each of [client, newcomer]) {
      expect(await each.next()).toMatchObject({ message: 1 });
      expect(await each.next()).toEqual(goodbye);
      expect(await each.ended).toEqual({ code: 1001, reason: "Server restart" });
    }
    expect(await ropeway.exited).toBe(0);
    await expect(fetch(ropeway.http("/health"))).rejects.toThrow("fetch failed");
  });

  it.each([
    ["SIGTERM", "SIGTERM"],
    ["SIGTERM", "SIGINT"],
  ] as const)("ends at once when %s is followed by %s", async (first, second) => {
    const ropeway = await serve("--shutdown_delay=3600");
    const client = await CableClient.connect(ropeway.cable);
    ropeway.process.kill(first);
    await ropeway.logged(/shutdown_delay/);
    expect(await client.sync()).toEqual([]);
    expect(await ropeway.stop(second)).toBe(1);
    expect(await client.ended).toMatchObject({ code: 1006 });
  });

  it("cuts off clients that never answer the goodbye", async () => {
    const ropeway = await serve("--ws_write_timeout=1");
    const deaf = await RawWebsocket.connect(ropeway.port);
    expect(await ropeway.stop()).toBe(0);
    expect(deaf.bytes.toString()).toContain(JSON.stringify(goodbye));
    expect(await deaf.closeCode()).toBe(1001);
  });

  it("waits no longer than shutdown_timeout", async () => {
    const ropeway = await serve("--ws_write_timeout=600", "--shutdown_timeout=1");
    const deaf = await RawWebsocket.connect(ropeway.port);
    expect(await ropeway.stop()).toBe(0);
    expect(await deaf.closeCode()).toBe(1001);
  });

  it("spends its time on clients and the application, whatever a publisher does that never finishes", async () => {
    const app = await startGrpcApp({
      application: { connect: () => ({ identifiers: "somebody", transmissions: ['{"type":"welcome"}'] }) },
    });
    onTestFinished(() => app.kill());
    const ropeway = await startRopeway([`--rpc_host=${app.address}`, "--shutdown_timeout=6"]);
    onTestFinished(async () => void (await ropeway.stop("SIGKILL")));
    const client = await CableClient.connect(ropeway.cable);
    const publisher = connect(ropeway.port, "127.0.0.1");
    publisher.on("error", () => {});
    const head = [
      "POST /_broadcast HTTP/1.1",
      "Host: x",
      "Authorization: Bearer test-broadcast-key",
      "Content-Length: 99",
      "Expect: 100-continue",
    ];
    publisher.write(`${head.join("\r\n")}\r\n\r\n`);
    // The server asks for the body, and gets the beginning of one.
    await once(publisher, "data");
    publisher.write('{"stream":');

    expect(await ropeway.stop()).toBe(0);
    expect(await client.next()).toEqual(goodbye);
    expect(await client.ended).toEqual({ code: 1001, reason: "Server restart" });
    expect(app.calls.at(-1)).toMatchObject({ method: "Disconnect", request: { identifiers: "somebody" } });
  });

  it("lets nobody in any more", async () => {
    const ropeway = await serve("--ws_write_timeout=600", "--shutdown_timeout=2");
    // Somebody who holds up the end.
    const deaf = await RawWebsocket.connect(ropeway.port);
    ropeway.process.kill("SIGTERM");
    await expect.poll(() => deaf.bytes.includes("server_restart")).toBe(true);
    await expect(askUpgrade(ropeway.cable)).rejects.toThrow(/ECONNREFUSED/);
    await expect(ropeway.publish({ stream: "a", data: "1" })).rejects.toThrow("fetch failed");
    expect(await ropeway.exited).toBe(0);
  });
});
