// However a process ends that runs a NATS server, that server ends with it, and not before.

import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, expect, it } from "vitest";
import { folderOf, isAlive, natsClient, stopEmbedded } from "../support/embedded-nats.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free-port.ts";

stopEmbedded();

const dist = new URL("../../dist/", import.meta.url);

/** A program that runs a server, says so, and does nothing about signals or faults. */
const program = `
  import { systemClock } from ${JSON.stringify(new URL("clock.js", dist))};
  import { silentLogger } from ${JSON.stringify(new URL("logger.js", dist))};
  import { embeddedNats } from ${JSON.stringify(new URL("nats/embedded/embedded-nats.js", dist))};
  const [options, ending] = process.argv.slice(1);
  let told = {};
  const logger = { ...silentLogger, info: (_, fields) => Object.assign(told, fields), child: () => logger };
  const server = embeddedNats({ nats: JSON.parse(options), clock: systemClock(), logger });
  await server.start();
  process.on("SIGINT", () => console.log("interrupted"));
  console.log(told.pid);
  process.once("SIGUSR2", () => {
    if (ending === "exits") process.exit(0);
    throw new Error("a fault");
  });
`;

interface Owner {
  readonly process: ChildProcess;
  readonly url: string;
  readonly serverPid: number;
  /** The server's. */
  readonly folder: string;
  readonly lines: string[];
}

const owners: ChildProcess[] = [];
afterEach(() => {
  for (const owner of owners.splice(0)) owner.kill("SIGKILL");
});

async function startOwner(ending = ""): Promise<Owner> {
  const port = await freePort();
  const options = { binary: "nats-server", listen: { host: "127.0.0.1", port }, jetStream: { readyTimeoutMs: 30_000 } };
  const args = ["--input-type=module", "--eval", program, JSON.stringify(options), ending];
  // In a group of its own, as a shell would start it.
  const owner = spawn(process.execPath, args, { cwd: fileURLToPath(dist), detached: true, stdio: ["ignore", "pipe", "ignore"] });
  owners.push(owner);
  const lines: string[] = [];
  createInterface(owner.stdout).on("line", (line) => lines.push(line));
  await eventually(() => lines).toHaveLength(1);
  const serverPid = Number(lines[0]);
  return { process: owner, url: `nats://127.0.0.1:${port}`, serverPid, folder: folderOf(serverPid), lines };
}

it.each([
  ["is killed", "", "SIGKILL"],
  ["is told to stop, and has no time for it", "", "SIGTERM"],
  ["exits", "exits", "SIGUSR2"],
  ["has a fault", "faults", "SIGUSR2"],
] as const)("when its owner %s, the server ends too, and its files are removed", async (_, ending, signal) => {
  const owner = await startOwner(ending);
  expect(isAlive(owner.serverPid)).toBe(true);
  expect(existsSync(owner.folder)).toBe(true);
  owner.process.kill(signal);
  await eventually(() => isAlive(owner.serverPid)).toBe(false);
  await eventually(() => existsSync(owner.folder)).toBe(false);
});

it("a server that can't answer is killed with its owner", { timeout: 30_000 }, async () => {
  const owner = await startOwner();
  process.kill(owner.serverPid, "SIGSTOP");
  owner.process.kill("SIGKILL");
  await expect.poll(() => isAlive(owner.serverPid), { timeout: 20_000 }).toBe(false);
});

it("a Ctrl-C in the terminal is for the owner, who needs the server until its end", async () => {
  const owner = await startOwner();
  const client = await natsClient(owner.url);
  process.kill(-owner.process.pid!, "SIGINT");
  await eventually(() => owner.lines).toContain("interrupted");
  await client.flush();
  expect(isAlive(owner.serverPid)).toBe(true);
});
