/**
 * The calls that a server makes for actions, made by `@grpc/grpc-js` alone: same messages, same number at a time, and nobody to serve.
 * Arguments: the application's port, and the plan (JSON). Prints one result, as the load generator does.
 */
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { pause } from "../load/clock.ts";
import { fail, succeed } from "../load/failure.ts";
import { Meter } from "../load/meter.ts";
import type { CommandPlan } from "../load/plan.ts";
import { COOKIE } from "../load/socket.ts";
import { CommandMessage, CommandResponse, Status } from "../../src/rpc/generated/rpc.ts";

const [port = "", planText = ""] = process.argv.slice(2);
const plan = JSON.parse(planText) as CommandPlan;
const IDENTIFIER = JSON.stringify({ channel: "EchoChannel" });

const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
let answered = 0;
let isRunning = true;
let busy = plan.clients;

function perform(caller: number, n: number): void {
  const metadata = new Metadata();
  metadata.set("sid", `caller-${caller}`);
  metadata.set("protov", "v1");
  const message: CommandMessage = {
    command: "message",
    identifier: IDENTIFIER,
    connectionIdentifiers: JSON.stringify({ client: `caller-${caller}` }),
    data: JSON.stringify({ action: "echo", n }),
    env: {
      url: "http://127.0.0.1/cable",
      headers: new Map([
        ["cookie", COOKIE],
        ["REMOTE_ADDR", "127.0.0.1"],
      ]),
      cstate: new Map(),
      istate: new Map(),
    },
  };
  client.makeUnaryRequest(
    "/anycable.RPC/Command",
    (request: CommandMessage) => Buffer.from(CommandMessage.encode(request).finish()),
    (bytes: Buffer) => CommandResponse.decode(bytes),
    message,
    metadata,
    (error, response) => {
      if (error !== null) return fail(error.message);
      if (response?.status !== Status.SUCCESS || !response.transmissions[0]?.endsWith(`"n":${n}}}`)) return fail("a wrong answer");
      answered += 1;
      if (isRunning) perform(caller, n + 1);
      else busy -= 1;
    },
  );
}

for (let caller = 0; caller < plan.clients; caller += 1) perform(caller, 0);
await pause(plan.warmUpMs);
const before = answered;
const meter = new Meter({ serverPid: process.pid, ...(plan.serverCore === undefined ? {} : { serverCore: plan.serverCore }) });
await pause(plan.measureMs);
const usage = meter.stop();
const commands = answered - before;
isRunning = false;
while (busy > 0) await pause(20);
succeed({
  ...usage,
  loadPercent: NaN,
  commands,
  commandsPerSecond: (commands * 1_000) / usage.wallMs,
  cpuUsPerCommand: (usage.serverCpuMs * 1_000) / commands,
});
