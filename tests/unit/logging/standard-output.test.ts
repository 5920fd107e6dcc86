import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { afterEach, expect, it } from "vitest";

const built = new URL("../../../dist/logging/create-logger.js", import.meta.url).href;
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

/** A process that logs; `code` has `logger`. It can report to us over IPC. */
function start(code: string) {
  const program = `
    import { createLogger } from ${JSON.stringify(built)};
    const logger = createLogger({ level: "info", format: "json", nodeId: "n1", isTty: false });
    ${code}`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: ["ignore", "pipe", "pipe", "ipc"] });
  children.push(child);
  return child;
}

it("loses no line when the process exits, and keeps their order", async () => {
  const child = start(`
    for (let n = 0; n < 5_000; n++) logger.info("line", { n });
    setImmediate(() => {
      for (let n = 5_000; n < 10_000; n++) logger.info("line", { n });
      process.exit(3);
    });`);
  const [printed, [code]] = await Promise.all([text(child.stdout!), once(child, "exit")]);
  expect(code).toBe(3);
  const numbers = printed
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as { n: number }).n);
  expect(numbers).toEqual(Array.from({ length: 10_000 }, (_, n) => n));
});

it("outlives a reader that goes away", async () => {
  const child = start(`
    process.send("ready");
    process.on("message", () => {
      for (let n = 0; n < 1_000; n++) logger.info("line", { n });
      process.send("alive");
    });
    process.once("disconnect", () => process.exit(0));`);
  expect(await once(child, "message")).toEqual(["ready", undefined]);
  child.stdout!.destroy();
  // The second time it has heard that nobody reads.
  for (let round = 0; round < 2; round++) {
    child.send("go");
    expect(await once(child, "message")).toEqual(["alive", undefined]);
  }
  const exit = once(child, "exit");
  child.disconnect();
  expect(await exit).toEqual([0, null]);
});

it("goes on working while nobody reads, in bounded memory, and tells how many lines that cost", async () => {
  const child = start(`
    const data = "x".repeat(3_000);
    for (let n = 0; n < 20_000; n++) logger.info("line", { data });
    setTimeout(() => process.send(process.memoryUsage.rss()), 1);
    process.once("disconnect", () => {});`);
  // It answers although its output is stuck.
  const [rssBytes] = (await once(child, "message")) as [number];
  expect(rssBytes).toBeLessThan(200 * 1024 * 1024);
  const told = text(child.stderr!);
  child.disconnect();
  const lines = (await text(child.stdout!)).trimEnd().split("\n");
  const dropped = /(\d+) log lines were dropped/.exec(await told)?.[1];
  expect(Number(dropped)).toBeGreaterThan(0);
  expect(lines.length + Number(dropped)).toBe(20_000);
  for (const line of lines) expect(() => void JSON.parse(line)).not.toThrow();
});

it.each([
  ["has gone", (child: ChildProcess) => child.stdout!.destroy()],
  ["is stuck", () => {}],
])("lets the process end when its reader %s", async (_how, leave) => {
  const child = start(`
    process.send("ready");
    process.on("message", () => {
      for (let n = 0; n < 1_000; n++) logger.info("line".repeat(100), { n });
      setImmediate(() => process.exit(3));
    });`);
  expect(await once(child, "message")).toEqual(["ready", undefined]);
  leave(child);
  const exit = once(child, "exit");
  child.send("go");
  expect(await exit).toEqual([3, null]);
});
