import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { CableClient } from "../support/cable-client.ts";
import { freePort } from "../support/free-port.ts";
import { repositoryRoot } from "../support/repository.ts";
import { Ropeway } from "../support/ropeway.ts";

const examples = join(repositoryRoot, "examples");
const read = (path: string): string => readFileSync(join(repositoryRoot, path), "utf8");

function load(env: Readonly<Record<string, string>>, argv: readonly string[] = []): ReturnType<typeof loadConfig> {
  return loadConfig({ argv, env, cwd: "/", readFile: () => undefined, findProgram: () => undefined });
}

/** `NAME=value` lines. */
function variables(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name!, value!]));
}

describe("the examples", () => {
  it.each(["rails/ropeway.env", "laravel/ropeway.env", "systemd/ropeway.env"])("have variables that load: %s", (path) => {
    const env = variables(readFileSync(join(examples, path), "utf8"));
    expect(Object.keys(env).length).toBeGreaterThan(3);
    expect(load(env)).toMatchObject({ command: "serve", warnings: [] });
  });

  it.each(["docker/compose.yaml", "kubernetes/ropeway.yaml"])("have variables that load: %s", (path) => {
    const text = readFileSync(join(examples, path), "utf8");
    const blocks = [
      ...text.matchAll(/^ +(ANYCABLE_[A-Z_]+|REDIS_URL): "?([^"\n]*)"?$/gm),
      ...text.matchAll(/name: (ANYCABLE_[A-Z_]+), value: "?([^" }]*)"? \}/g),
    ];
    const env = Object.fromEntries(blocks.map(([, name, value]) => [name!, value!]));
    expect(Object.keys(env).length).toBeGreaterThan(3);
    expect(load(env)).toMatchObject({ command: "serve" });
  });

  it("have command lines that load", () => {
    const pages = readdirSync(examples)
      .map((folder) => `examples/${folder}/README.md`)
      .filter((page) => existsSync(join(repositoryRoot, page)));
    const commands = [...pages, "examples/rails/Procfile", "README.md"].flatMap((page) => [
      ...read(page).matchAll(/npx ropeway((?: --\S+)+)/g),
    ]);
    expect(commands.length).toBeGreaterThan(2);
    for (const [, flags] of commands) expect(load({}, flags!.trim().split(" "))).toMatchObject({ command: "serve" });
  });

  it("have a Dockerfile that copies what is there and runs what is built", () => {
    const dockerfile = read("Dockerfile");
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, paths]) => paths!.split(" "));
    expect(copied).toContain("package-lock.json");
    expect(copied.filter((path) => !existsSync(join(repositoryRoot, path)))).toEqual([]);
    expect(dockerfile).toMatch(/^USER node$/m);
    const [, ...command] = JSON.parse(/^ENTRYPOINT (.+)$/m.exec(dockerfile)![1]!) as string[];
    expect(command).toEqual(["dist/cli/main.js"]);
  });

  it("have a serverless application that works", async () => {
    const [port, cablePort] = [await freePort(), await freePort()];
    const secret = "example-secret";
    // Its library needs a bundler, as the platforms have that it is made for: here that is vitest.
    Object.assign(process.env, { PORT: String(port), ANYCABLE_SECRET: secret, CABLE_URL: `http://127.0.0.1:${cablePort}` });
    await import(join(examples, "serverless-js/main.mjs"));
    const ropeway = new Ropeway([
      `--port=${cablePort}`,
      `--rpc_host=http://127.0.0.1:${port}/api/anycable`,
      `--secret=${secret}`,
      "--broadcast_adapter=http",
      "--log_format=json",
    ]);
    onTestFinished(async () => void (await ropeway.stop()));
    await ropeway.logged(/^Handle WebSocket connections at/);
    const client = await CableClient.connect(`${ropeway.cable}?name=ann`);
    const identifier = JSON.stringify({ channel: "ChatChannel", room: "1" });
    expect(await client.subscribe(identifier)).toEqual({ type: "confirm_subscription", identifier });
    client.say({ command: "message", identifier, data: JSON.stringify({ action: "speak", text: "hello" }) });
    expect(await client.next()).toEqual({ identifier, message: { name: "ann", text: "hello" } });
  });
});
