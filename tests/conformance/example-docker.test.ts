// The nodes of the example for Docker, with its own variables and its own proxy in front, around a real Redis. What Docker would do besides
// (images, networks, names) is left out: names are replaced by addresses.

import { expect, it, onTestFinished } from "vitest";
import { eventually } from "../support/eventually.ts";
import { composeServices, example } from "../support/example-files.ts";
import { freePort } from "../support/free-port.ts";
import { startGrpcApp } from "../support/grpc-app.ts";
import { startHaproxy } from "../support/haproxy.ts";
import { NumberedPublisher, overRedisx } from "../support/numbered-publisher.ts";
import { startRedis } from "../support/redis-server.ts";
import { ReturningClient } from "../support/returning-client.ts";
import { Ropeway } from "../support/ropeway.ts";
import { channel, says } from "../support/rpc-stage.ts";
import { faultsOf } from "../support/whole-view.ts";

const stream = "chat/1";
const identifier = channel("ChatChannel", { id: 1 });
/** One of those that compose.yaml lets in. */
const origin = "https://www.example.com";
const services = composeServices();

/** Redis, the application, and as many nodes as compose.yaml says, at ports that stay the same. */
async function startNodes(): Promise<{
  readonly nodes: Ropeway[];
  readonly redisUrl: string;
  readonly again: (at: number) => Promise<void>;
}> {
  const redis = await startRedis();
  const app = await startGrpcApp({
    application: {
      connect: (_request, { sid }) => ({ identifiers: JSON.stringify({ user: sid }), transmissions: [says.welcome(sid)] }),
      command: (request) => ({ transmissions: [says.confirm(request.identifier)], streams: [stream] }),
    },
  });
  const redisUrl = `redis://127.0.0.1:${redis.port}`;
  const { environment, deploy } = services["ropeway"]!;
  const addresses = { "dns:///rpc:50051": app.address, "redis://redis:6379": redisUrl };
  const env = Object.fromEntries(
    Object.entries(environment!).map(([name, value]) => [name, addresses[value as keyof typeof addresses] ?? value]),
  );
  const start = async (port: number): Promise<Ropeway> => {
    const node = new Ropeway(["--host=127.0.0.1", `--port=${port}`, `--metrics_port=${await freePort()}`], env);
    await node.logged(/^Handle WebSocket connections at/);
    await node.becomesReady();
    return node;
  };
  const ports = await Promise.all(Array.from({ length: deploy!.replicas }, () => freePort()));
  const nodes = await Promise.all(ports.map(start));
  onTestFinished(async () => {
    await Promise.all(nodes.map((node) => node.stop("SIGKILL")));
    await app.kill();
    await redis.kill();
  });
  return { nodes, redisUrl, again: async (at) => void (nodes[at] = await start(ports[at]!)) };
}

/** The proxy's configuration as it is, but for its own port and the names that Docker would look up. */
async function startProxy(nodes: readonly Ropeway[]): Promise<string> {
  const port = await freePort();
  const configuration = example("docker/haproxy.cfg")
    .replace("bind :8080", `bind 127.0.0.1:${port}`)
    .replace(/^ *server-template .*$/m, nodes.map((node, at) => `  server ropeway${at} 127.0.0.1:${node.port}`).join("\n"));
  const proxy = await startHaproxy(configuration, port);
  onTestFinished(() => proxy.stop());
  return `127.0.0.1:${port}`;
}

/** Metrics have a port of their own, which the main one doesn't serve. */
async function clientsAt({ log, port }: Ropeway): Promise<number> {
  const addresses = log.filter(({ msg }) => msg === "Listening").map(({ address }) => String(address));
  const page = await (await fetch(`${addresses.find((address) => !address.endsWith(`:${port}`))}/metrics`)).text();
  return Number(/^anycable_go_clients_num (\d+)$/m.exec(page)![1]);
}

it(
  "Docker's example: nodes behind its proxy are replaced one after the other, one is killed, and clients miss nothing",
  { timeout: 120_000 },
  async () => {
    const { nodes, redisUrl, again } = await startNodes();
    const proxy = await startProxy(nodes);
    await eventually(async () => (await fetch(`http://${proxy}/cable`)).status).not.toBe(503);
    for (const path of ["/ready", "/health", "/api/node"]) expect((await fetch(`http://${proxy}${path}`)).status).toBe(404);

    const clients = Array.from(
      { length: 12 },
      () => new ReturningClient({ streams: [stream], identifierOf: () => identifier, origin, next: () => `ws://${proxy}/cable` }),
    );
    onTestFinished(async () => void (await Promise.all(clients.map((client) => client.leave()))));
    const everybodyIsThere = (): Promise<void> => eventually(() => clients.every(({ isCaughtUp }) => isCaughtUp), 30_000).toBe(true);
    await everybodyIsThere();

    const send = overRedisx(redisUrl);
    const publisher = new NumberedPublisher({ name: "application", stream, send, promise: "any order", everyMs: 100 });
    onTestFinished(() => send.close());
    onTestFinished(() => publisher.stop());
    await publisher.more(10);

    for (const [at, node] of nodes.entries()) {
      expect(await node.stop("SIGTERM")).toBe(0);
      await again(at);
      await everybodyIsThere();
      await publisher.more(10);
    }
    // Nobody was sent to a node that was stopping or not there yet.
    expect(new Set(clients.flatMap(({ endings }) => endings))).toEqual(new Set(["server_restart"]));

    // Half of them at least are at one node: it dies, and they find their sessions at the other.
    const busiest = await Promise.all(nodes.map(clientsAt));
    const victim = nodes[busiest.indexOf(Math.max(...busiest))]!;
    const before = clients.map(({ arrivals }) => arrivals.length);
    await victim.stop("SIGKILL");
    const returned = (): ReturningClient[] => clients.filter(({ arrivals }, at) => arrivals.length > before[at]!);
    await eventually(() => returned().length).toBe(Math.max(...busiest));
    await everybodyIsThere();
    await publisher.more(10);
    expect(returned().map(({ arrivals }) => arrivals.at(-1)!.isRestored)).toEqual(returned().map(() => true));

    await publisher.stop();
    await eventually(() => clients.flatMap((client) => faultsOf(client, [publisher])), 20_000).toEqual([]);
    expect(clients.map(({ timesTold }) => timesTold)).toEqual(clients.map(() => 0));
  },
);
