import { CableClient, connectClients } from "./client.ts";
import { ChunkClock, pause } from "./clock.ts";
import { fail } from "./failure.ts";
import { Meter } from "./meter.ts";
import type { CommandPlan, Figures } from "./plan.ts";

const IDENTIFIER = JSON.stringify({ channel: "EchoChannel" });

/** Every client sends a command, waits for the answer, checks that it is the right one, and sends the next. */
export async function commands(plan: CommandPlan): Promise<Figures> {
  const clock = new ChunkClock();
  let answered = 0;
  let isRunning = true;
  let busy = plan.clients;

  const commanders = Array.from({ length: plan.clients }, () => new Commander(plan.command, next));
  function next(commander: Commander): void {
    answered += 1;
    if (isRunning) commander.send();
    else busy -= 1;
  }
  await connectClients(plan.clients, plan.clients, (index, subscribed) => {
    const commander = commanders[index] as Commander;
    const identifiers = plan.command === "perform" ? [IDENTIFIER] : [];
    const client = new CableClient(plan, clock, identifiers, (bytes, start, end) => commander.heard(bytes, start, end), subscribed);
    commander.client = client;
    return client;
  });

  for (const commander of commanders) commander.send();
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

/** One client with one command under way. */
class Commander {
  client: CableClient | undefined;
  readonly #command: CommandPlan["command"];
  readonly #answered: (commander: Commander) => void;
  #n = 0;

  constructor(command: CommandPlan["command"], answered: (commander: Commander) => void) {
    this.#command = command;
    this.#answered = answered;
  }

  send(): void {
    if (this.#command === "ping") this.client?.ping(this.#ponged);
    else this.client?.perform(IDENTIFIER, JSON.stringify({ action: "echo", n: this.#n }));
  }

  /** The answer to an action. */
  heard(bytes: Buffer, start: number, end: number): void {
    const text = bytes.toString("latin1", start, end);
    if (!text.endsWith(`"n":${this.#n}}}`)) fail(`a client expected the answer to action ${this.#n} and got ${text}`);
    this.#n += 1;
    this.#answered(this);
  }

  readonly #ponged = (): void => this.#answered(this);
}
