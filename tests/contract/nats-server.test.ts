// What the tests of everything that uses NATS take for granted of the server that they start.
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, type ConnectionOptions, type NatsConnection } from "@nats-io/transport-node";
import { afterEach, expect, test, vi } from "vitest";
import { startNats, startNatsCluster } from "../support/nats-server.ts";

const patience = { timeout: 20_000, interval: 50 };
const connections: NatsConnection[] = [];
afterEach(async () => void (await Promise.all(connections.splice(0).map((connection) => connection.close()))));

async function clientOf({ url }: { url: string }, options: ConnectionOptions = {}): Promise<NatsConnection> {
  const connection = await connect({ servers: url, ...options });
  connections.push(connection);
  return connection;
}

test("what JetStream acknowledged survives a crash of the server, and nothing survives when it is to start empty", async () => {
  const server = await startNats({ jetstream: true });
  const before = await clientOf(server);
  await (await jetstreamManager(before)).streams.add({ name: "kept", subjects: ["kept.>"] });
  await jetstream(before).publish("kept.a", "one");
  await server.kill();
  await server.restart();
  const streams = (await jetstreamManager(await clientOf(server))).streams;
  expect((await streams.info("kept")).state.messages).toBe(1);
  await server.restart({ empty: true });
  await expect((await jetstreamManager(await clientOf(server))).streams.info("kept")).rejects.toThrow("stream not found");
});

test("a frozen server keeps its connections, and answers when it is thawed", async () => {
  const server = await startNats();
  const client = await clientOf(server);
  server.freeze();
  await expect(clientOf(server, { timeout: 300 })).rejects.toThrow("timeout");
  const answer = client.flush();
  server.thaw();
  await answer;
});

test("it asks for what auth says, and takes further configuration", async () => {
  const server = await startNats({ auth: { user: "cable", password: "s3cret" }, config: "max_payload: 64KB" });
  await expect(clientOf(server)).rejects.toThrow("Authorization Violation");
  expect((await clientOf(server, { user: "cable", pass: "s3cret" })).info?.max_payload).toBe(65_536);
});

test("servers of a cluster pass messages on, and keep a stream on each of them", { timeout: 100_000 }, async () => {
  const servers = await startNatsCluster(3, { jetstream: true });
  const clients = await Promise.all(servers.map((server) => clientOf(server)));
  await vi.waitFor(
    async () => (await jetstreamManager(clients[0]!)).streams.add({ name: "kept", subjects: ["kept"], num_replicas: 3 }),
    // Until they have chosen a leader.
    { ...patience, timeout: 60_000 },
  );
  // Until its server has heard who takes it.
  await vi.waitFor(() => jetstream(clients[1]!).publish("kept", "one", { msgID: "one" }), patience);
  expect((await (await jetstreamManager(clients[2]!)).streams.info("kept")).state.messages).toBe(1);
});
