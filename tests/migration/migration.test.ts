// Configurations as AnyCable's documentation publishes them, and what they have to mean here.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { CableClient, publicStream } from "../support/cable-client.ts";
import { load, type Sources } from "../fixtures/config/load.ts";
import { freePort } from "../support/free-port.ts";
import { Ropeway } from "../support/ropeway.ts";

const folder = fileURLToPath(new URL("../fixtures/migration/", import.meta.url));

interface Expected {
  /** The page of the documentation. */
  readonly page: string;
  /** Parts of the configuration. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** A piece of each warning; there are no others. */
  readonly warnings?: readonly string[];
  readonly notes?: readonly string[];
  /** How the sentence begins that stops the start. */
  readonly refused?: string;
  /** It is really started, and this is tried. */
  readonly start?: "health" | "publish" | "client";
}

interface Case extends Sources {
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
  readonly argv: readonly string[];
  readonly expected: Expected;
}

const cases = readdirSync(folder).map((name): Case => {
  const read = (file: string): string | undefined => {
    const path = join(folder, name, file);
    return existsSync(path) ? readFileSync(path, "utf8") : undefined;
  };
  const lines = (file: string): readonly string[] => (read(file) ?? "").split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const toml = read("anycable.toml");
  return {
    name,
    argv: lines("flags"),
    env: Object.fromEntries(lines("env").map(readVariable)),
    files: toml === undefined ? {} : { "/app/anycable.toml": toml },
    expected: JSON.parse(read("expected.json")!) as Expected,
  };
});

/** `NAME=value` or `NAME="value"`. */
function readVariable(line: string): readonly [name: string, value: string] {
  const [, name, value] = /^(\w+)=(.*)$/u.exec(line)!;
  return [name!, value!.replace(/^"(.*)"$/u, "$1")];
}

describe.each(cases.filter(({ expected }) => expected.refused === undefined))("$name", ({ expected, ...sources }) => {
  it("means the same", () => {
    const { config, warnings, notes } = load(sources);
    expect(config).toMatchObject(withoutNull(expected.config!));
    const wanted = expected.warnings ?? [];
    expect(warnings).toEqual(wanted.map((piece) => expect.stringContaining(piece)));
    expect(notes).toEqual(expected.notes ?? []);
  });
});

it.each(cases.filter(({ expected }) => expected.refused !== undefined))("$name is refused with a sentence", ({ expected, ...sources }) => {
  expect(() => load(sources)).toThrow(expect.objectContaining({ message: expect.stringContaining(expected.refused!) }));
});

describe.each(cases.filter(({ expected }) => expected.start !== undefined))("$name, started", ({ name, env, argv, files, expected }) => {
  it(`answers (${expected.start})`, async () => {
    const port = await freePort();
    const publishPort = await freePort();
    const file = Object.keys(files!).length === 0 ? [] : [`--config-path=${join(folder, name, "anycable.toml")}`];
    const { broadcast, embeddedNats } = load({ argv, env, files: files! }).config;
    const { listen, key } = broadcast.http;
    const ownPublishPort = listen === "main" ? port : publishPort;
    // Address and ports are ours: tests of several checkouts run side by side on one machine.
    const own = ["--host=127.0.0.1", `--port=${port}`, `--http_broadcast_port=${ownPublishPort}`, "--log_format=json"];
    if (embeddedNats) own.push(`--enats_addr=nats://127.0.0.1:${await freePort()}`);
    if (embeddedNats?.cluster) own.push(`--enats_cluster=nats://127.0.0.1:${await freePort()}`);
    const ropeway = new Ropeway([...file, ...argv, ...own], env);
    onTestFinished(async () => void (await ropeway.stop()));
    await ropeway.logged(/^Handle WebSocket connections at/);
    expect(ropeway.port).toBe(port);
    expect((await fetch(ropeway.http("/health"))).status).toBe(200);
    if (expected.start === "health") return;

    const client = expected.start === "client" ? await CableClient.connect(ropeway.cable) : undefined;
    const stream = publicStream("chat/1");
    if (client) expect(await client.subscribe(stream)).toMatchObject({ type: "confirm_subscription" });
    const publish = (headers: Readonly<Record<string, string>>): Promise<Response> =>
      fetch(`http://127.0.0.1:${ownPublishPort}/_broadcast`, {
        method: "POST",
        headers,
        body: JSON.stringify({ stream: "chat/1", data: JSON.stringify({ text: "hi" }) }),
      });
    // Until what carries them is there, 503 asks to try again.
    const keyed = key === undefined ? {} : { authorization: `Bearer ${key}` };
    await expect.poll(async () => (await publish(keyed)).status, { timeout: 20_000 }).toBe(201);
    if (key !== undefined) expect((await publish({})).status).toBe(401);
    if (client) {
      expect(await client.next()).toEqual({ identifier: stream, message: { text: "hi" } });
      await client.close();
    }
  });
});

it("has configurations of every kind", () => {
  for (const kind of ["heroku", "fly", "kamal", "docker", "systemd", "kubernetes", "rails", "toml"]) {
    expect(cases.filter(({ name }) => name.startsWith(kind)).length, kind).toBeGreaterThan(0);
  }
});

/** In JSON null stands for what is undefined. */
function withoutNull(value: unknown): Readonly<Record<string, unknown>> {
  return JSON.parse(JSON.stringify(value), (_name, part: unknown) => (part === null ? expect.toBeOneOf([undefined]) : part)) as Readonly<
    Record<string, unknown>
  >;
}
