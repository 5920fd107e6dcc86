import { CableClient, connectClients } from "./client.ts";
import { ChunkClock, pause } from "./clock.ts";
import { fail } from "./failure.ts";
import { Meter } from "./meter.ts";
import type { CommandPlan, Figures } from "./plan.ts";

const IDENTIFIER = JSON.stringify({ channel: "EchoChannel" });

/** Every client performs an action, waits for the application's answer, checks that it is the right one, and performs the next. */
export async function commands(plan: CommandPlan): Promise<Figures> {
  const clock = new ChunkClock();
  const clients: CableClient[] = [];
  let answered = 0;
  let isRunning = true;
  let busy = plan.clients;

  const perform = (index: number, n: number): void => clients[index]?.perform(IDENTIFIER, JSON.stringify({ action: "echo", n }));
  await connectClients(plan.clients, plan.clients, (index, subscribed) => {
    let expected = 0;
    const client = new CableClient(
      plan.port,
      clock,
      [IDENTIFIER],
      (bytes, start, end) => {
        const text = bytes.toString("latin1", start, end);
        if (!text.endsWith(`"n":${expected}}}`)) fail(`client ${index} expected the answer to action ${expected} and got ${text}`);
        expected += 1;
        answered += 1;
        if (isRunning) perform(index, expected);
        else busy -= 1;
      },
      subscribed,
    );
    clients[index] = client;
    return client;
  });

  for (const index of clients.keys()) perform(index, 0);
  await pause(plan.warmUpMs);
  const before = answered;
  const meter = new Meter(plan);
  await pause(plan.measureMs);
  const usage = meter.stop();
  const count = answered - before;
  isRunning = false;
  while (busy > 0) await pause(20);
  return {
    ...usage,
    commands: count,
    commandsPerSecond: (count * 1_000) / usage.wallMs,
    cpuUsPerCommand: (usage.serverCpuMs * 1_000) / count,
  };
}
