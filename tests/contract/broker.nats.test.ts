import { afterAll, beforeAll } from "vitest";
import { openNatsRig } from "../support/nats-broker-rig.ts";
import { startNats, type NatsServer } from "../support/nats-server.ts";
import { brokerContract } from "./broker.contract.ts";

let server: NatsServer;
beforeAll(async () => {
  server = await startNats({ jetstream: true });
});
afterAll(() => server.kill());

brokerContract("nats", () => openNatsRig(server));
