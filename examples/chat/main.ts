// `npm run demo`: reads the command line, starts the demo, stops it on a signal.

import { spawn } from "node:child_process";
import { parseArgs } from "node:util";
import { startDemo, type Demo } from "./demo.ts";

const usage = `A chat on Ropeway: the Action Cable client and the AnyCable client side by side.

  npm run demo -- [options]

  --no-open       don't open a browser
  --free-ports    take ports of the system's choice (otherwise 3000, 8080, 50051 and 8090 where they are free)
  --redis URL     keep what clients miss in this Redis, so that it outlives a restart of the server
  --log-level L   of the cable server: debug, info, warn (default), error
  --help          this text

  ROPEWAY_COMMAND  the command that starts the cable server (default: node dist/cli/main.js)
`;

const hastySignalAfterMs = 1_000;

async function main(): Promise<void> {
  const options = {
    "no-open": { type: "boolean", default: false },
    "free-ports": { type: "boolean", default: false },
    redis: { type: "string" },
    "log-level": { type: "string", default: "warn" },
    help: { type: "boolean", default: false },
  } as const;
  const { values } = parseArgs({ options });
  if (values.help) {
    process.stdout.write(usage);
    return;
  }

  const stopping = new AbortController();
  const starting = startDemo({
    freePorts: values["free-ports"],
    logLevel: values["log-level"],
    redisUrl: values.redis,
    serverCommand: process.env["ROPEWAY_COMMAND"],
    env: process.env,
    log: (text) => process.stderr.write(text),
    signal: stopping.signal,
  });
  stopOnSignal(starting, stopping);
  const { pageUrl, cableUrl } = await starting;
  process.stdout.write(`Open ${pageUrl} to chat (cable server: ${cableUrl}). Ctrl-C stops everything.\n`);
  if (process.stdout.isTTY && !values["no-open"]) openBrowser(pageUrl);
}

function stopOnSignal(starting: Promise<Demo>, stopping: AbortController): void {
  let firstSignalAt: number | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (firstSignalAt === undefined) {
      firstSignalAt = performance.now();
      stopping.abort(new Error(`${signal} came while it was starting`));
      starting.then((demo) => demo.stop()).then(() => process.exit(0), fail);
    } else if (performance.now() - firstSignalAt > hastySignalAfterMs) {
      // npm passes Ctrl-C on to us a second time; only a later one is a person losing patience.
      process.exit(1);
    }
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
}

function openBrowser(url: string): void {
  const program = process.platform === "darwin" ? "open" : process.platform === "win32" ? "explorer" : "xdg-open";
  const child = spawn(program, [url], { stdio: "ignore", detached: true });
  child.once("error", () => {
    // No browser to open: the URL stands in the terminal.
  });
  child.unref();
}

function fail(error: unknown): void {
  process.stderr.write(`The demo can't run: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

main().catch(fail);
