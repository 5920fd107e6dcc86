// When a NATS server counts as ready. Somebody answers in JetStream's place here, as it answers in a cluster that has no leader.

import { connect, type NatsConnection } from "@nats-io/transport-node";
import { afterEach, beforeEach, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { untilReady } from "../../src/nats/embedded/until-ready.ts";
import { startNats, type NatsServer } from "../support/nats-server.ts";

let server: NatsServer;
let jetStream: NatsConnection;
beforeEach(async () => {
  server = await startNats();
  jetStream = await connect({ servers: server.url });
});
afterEach(async () => {
  await jetStream.close();
  await server.kill();
});

const wait = (signal: AbortSignal): Promise<string | undefined> => {
  const at = { host: "127.0.0.1", port: server.port };
  return untilReady({ at, hasJetStream: true, onServing: () => {}, clock: systemClock(), signal });
};

it("JetStream is ready when it knows that there is no such stream, and not while it can't know", async () => {
  const answers = [{ error: { code: 503, err_code: 10_008 } }, "not JSON", { error: { code: 404, err_code: 10_059 } }];
  let asked = 0;
  jetStream.subscribe("$JS.API.STREAM.INFO.*", {
    callback: (_error, message) => {
      const answer = answers[asked++];
      message.respond(typeof answer === "string" ? answer : JSON.stringify(answer));
    },
  });
  await jetStream.flush();
  expect(await wait(new AbortController().signal)).toMatch(/^\d+\.\d+/);
  expect(asked).toBe(3);
});

it("the waiting ends when it is told to", async () => {
  const over = new AbortController();
  jetStream.subscribe("$JS.API.STREAM.INFO.*", { callback: () => over.abort() });
  await jetStream.flush();
  expect(await wait(over.signal)).toBeUndefined();
});
