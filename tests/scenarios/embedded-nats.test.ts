// Nodes that bring their own NATS server: the whole command, its cluster, and what it tells when the server is not as it should be.

import { afterEach, describe, expect, it } from "vitest";
import { CableClient, publicStream } from "../support/cable-client.ts";
import { commandLineOf, isAlive, natsClient, stopEmbedded } from "../support/embedded-nats.ts";
import { freePort } from "../support/free-port.ts";
import { standalone, startRopeway, type Ropeway } from "../support/ropeway.ts";
import { runRopeway } from "../support/run-command.ts";

stopEmbedded();

const nodes: Ropeway[] = [];
afterEach(async () => void (await Promise.all(nodes.splice(0).map((node) => node.stop()))));

async function startNode(flags: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ropeway> {
  const node = await startRopeway([...standalone, "--embed_nats", "--pubsub=nats", ...flags], env);
  nodes.push(node);
  return node;
}

function serverPid(node: Ropeway): number {
  return Number(node.log.findLast(({ msg, pid }) => msg.startsWith("The embedded NATS server is") && pid !== undefined)!["pid"]);
}

async function listener(node: Ropeway): Promise<CableClient> {
  const client = await CableClient.connect(node.cable);
  expect(await client.subscribe(publicStream("news"))).toMatchObject({ type: "confirm_subscription" });
  return client;
}

describe("two nodes with a NATS server each", () => {
  it("are a cluster that outlives the death of a server", async () => {
    const [one, two] = [await freePort(), await freePort()];
    const routes = `--enats_cluster_routes=nats://127.0.0.1:${one},nats://127.0.0.1:${two}`;
    const first = await startNode([`--enats_addr=127.0.0.1:${await freePort()}`, `--enats_cluster=127.0.0.1:${one}`, routes]);
    const second = await startNode([`--enats_addr=127.0.0.1:${await freePort()}`, `--enats_cluster=127.0.0.1:${two}`, routes]);
    const client = await listener(second);
    const arrives = async (message: string): Promise<void> => {
      // Until the servers have heard of each other.
      await expect
        .poll(
          async () => {
            await first.publish({ stream: "news", data: JSON.stringify(message) });
            return client.unread.map((heard) => heard["message"]);
          },
          { timeout: 10_000, interval: 50 },
        )
        .toContain(message);
    };
    await arrives("before");

    process.kill(serverPid(second), "SIGKILL");
    await second.logged("The embedded NATS server is back");
    await arrives("after");
    const readiness = (await (await fetch(second.http("/ready"))).json()) as Record<string, unknown>;
    expect(readiness).toMatchObject({ status: "ready", parts: { "embedded NATS": { ok: true }, "pubsub nats": { ok: true } } });
    await client.close();
  });
});

describe("the server of a node", () => {
  it("takes publications from those that have its password, which nobody else can see", async () => {
    const port = await freePort();
    const password = "s3cret-pa$$";
    const node = await startNode(["--broadcast_adapter=nats", "--log_level=debug", "--enats_trace"], {
      ROPEWAY_ENATS_ADDR: `nats://cable:${encodeURIComponent(password)}@127.0.0.1:${port}`,
    });
    await node.logged("Taking publications from NATS");
    const client = await listener(node);
    const publisher = await natsClient(`nats://127.0.0.1:${port}`, { user: "cable", pass: password });
    publisher.publish("__anycable__", JSON.stringify({ stream: "news", data: '"hello"' }));
    expect(await client.next()).toMatchObject({ message: "hello" });
    await client.close();
    const told = commandLineOf(serverPid(node)) + JSON.stringify(node.log) + (await (await fetch(node.http("/ready"))).text());
    expect(told).not.toContain("s3cret");
  });

  it("is there until the node has ended, and not after that", async () => {
    const node = await startNode([`--enats_addr=127.0.0.1:${await freePort()}`]);
    const pid = serverPid(node);
    expect(isAlive(pid)).toBe(true);
    expect(await node.stop()).toBe(0);
    expect(isAlive(pid)).toBe(false);
    const messages = node.log.map(({ msg }) => msg);
    expect(messages).toContain("Stopped");
    expect(messages.filter((message) => /is lost|can't be reached|does not run/.test(message))).toEqual([]);
  });
});

describe("a node without", () => {
  it("the program says where to get it", async () => {
    const { code, stderr } = await runRopeway(["--norpc", "--embed_nats", "--enats_binary=no-such-server"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /no program no-such-server on the PATH: install it \(apt-get install nats-server, .*\(config\.missing_program\)\n$/,
    );
  });

  it("a free port for it says which option names the port", async () => {
    const node = await startNode([`--enats_addr=127.0.0.1:${await freePort()}`]);
    const port = new URL(`nats://${String(node.log.find(({ msg }) => msg === "The embedded NATS server is ready")!["address"])}`).port;
    const { code, stderr } = await runRopeway(["--norpc", "--port=0", "--embed_nats", `--enats_addr=127.0.0.1:${port}`]);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      new RegExp(`can't listen on 127\\.0\\.0\\.1:${port}: another process has it.*enats_addr.*\\(listener\\.unavailable\\)\\n$`),
    );
  });
});
