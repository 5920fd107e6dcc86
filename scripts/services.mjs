// The servers that tests run against for real. On Debian, as root, missing ones are installed; elsewhere it is said what to install.

import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { run, Stop } from "./toolbox.mjs";

const services = [
  { programs: ["redis-server"], variable: undefined, apt: "redis-server", brew: "brew install redis" },
  // Its package starts it where RUNLEVEL is not heeded (systemd), with a configuration that listens nowhere; nginx's would take port 80.
  { programs: ["haproxy"], variable: undefined, apt: "haproxy", brew: "brew install haproxy" },
  // The same; it would scrape itself at port 9090, which disturbs no test.
  { programs: ["prometheus"], variable: undefined, apt: "prometheus", brew: "brew install prometheus" },
  // The same; it would take port 4222 of 127.0.0.1, which no test uses.
  { programs: ["nats-server"], variable: undefined, apt: "nats-server", brew: "brew install nats-server" },
  // An application in another language. The distribution's Python comes first: another one on the PATH has not its packages.
  {
    programs: ["/usr/bin/python3", "python3"],
    variable: undefined,
    probe: ["-c", "import grpc, grpc_tools"],
    name: "Python's grpcio and grpcio-tools",
    apt: "python3-grpcio python3-grpc-tools",
    brew: "python3 -m pip install grpcio grpcio-tools",
  },
  {
    programs: ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"],
    variable: "CHROMIUM_PATH",
    apt: "chromium",
    brew: 'export CHROMIUM_PATH="/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"   (or any Chromium)',
  },
];

/** @throws {Stop} when a service is missing and can't be installed here; the message says how to get it. */
export async function ensureServices() {
  const missing = services.filter((service) => !isThere(service));
  if (missing.length === 0) return;
  const packages = missing.flatMap(({ apt }) => apt.split(" "));
  const names = missing.map(nameOf).join(" and ");
  if (process.platform === "darwin") throw new Stop([`The tests need ${names}:`, ...missing.map(({ brew }) => `  ${brew}`)].join("\n"));
  if (!existsSync("/etc/debian_version")) throw new Stop(`The tests need ${names} on the PATH.${chromiumHint(missing)}`);
  if (process.getuid?.() !== 0) {
    throw new Stop(
      `The tests need ${names}:\n  sudo apt-get update && sudo apt-get install -y ${packages.join(" ")}${chromiumHint(missing)}`,
    );
  }
  await install(packages);
  const stillMissing = missing.filter((service) => !isThere(service));
  if (stillMissing.length > 0) {
    throw new Stop(`apt-get did not bring ${stillMissing.map(nameOf).join(" and ")}.${chromiumHint(stillMissing)}`);
  }
}

async function install(packages) {
  console.log(`Installing ${packages.join(" and ")}`);
  // RUNLEVEL=1 keeps Debian from starting the daemon: tests start their own.
  const env = { DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  // One broken source must not keep us from the others: whether it worked shows in the install.
  await run("apt-get", ["update"], { env });
  const code = await run("apt-get", ["install", "-y", "--no-install-recommends", ...packages], { env });
  if (code !== 0) throw new Stop(`apt-get install ${packages.join(" ")} failed; what it printed says why.`);
}

function nameOf({ name, programs }) {
  return name ?? programs[0];
}

function isThere({ programs, variable, probe }) {
  const given = variable && process.env[variable];
  if (given) {
    if (isExecutable(given)) return true;
    throw new Stop(`${variable} is ${given}, which can't be executed.`);
  }
  const folders = [...(process.env["PATH"] ?? "").split(delimiter).filter(Boolean), "/usr/bin", "/usr/sbin"];
  if (probe !== undefined) return programs.some((program) => spawnSync(program, probe, { stdio: "ignore" }).status === 0);
  return programs.some((program) => folders.some((folder) => isExecutable(join(folder, program))));
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function chromiumHint(missing) {
  return missing.some(({ variable }) => variable) ? "\nA Chromium in another place is named in CHROMIUM_PATH." : "";
}
