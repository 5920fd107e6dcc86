import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { errorCodes } from "../../src/errors.ts";
import { inFolder, runRopeway } from "../support/run-command.ts";

/** Starts it in vain; returns what it says: one line on standard error that ends with a code of the table, and status 1. */
async function complaint(
  flags: readonly string[],
  outside: { readonly env?: Readonly<Record<string, string>>; readonly cwd?: string } = {},
): Promise<string> {
  const { code, stdout, stderr } = await runRopeway(flags, outside);
  expect(code).toBe(1);
  // What may stand there is the log of a start.
  expect(stdout).not.toContain("Handle WebSocket connections");
  const [, text, errorCode] = /^ropeway: (.+) \(([\w.]+)\)\n$/.exec(stderr) ?? [];
  expect(text, `one line, instead of ${stderr}`).toBeDefined();
  expect(Object.keys(errorCodes)).toContain(errorCode);
  return text!;
}

describe("a start that fails says in one line what to correct", () => {
  it.each([
    ["--prot=1", /unknown flag --prot; did you mean --port\?/],
    ["-allowed-orgins=x", /allowed-orgins; did you mean --allowed_origins\?/],
    ["--no_such_thing_at_all", /unknown flag --no_such_thing_at_all/],
    ["serve", /unexpected argument "serve"/],
    ["--port", /--port needs a value/],
    ["--port=abc", /--port is "abc", but takes a whole number from 0 to 65535/],
    ["--port=65536", /--port is 65536/],
    ["--ping_interval=-1", /--ping_interval is -1/],
    ["--noauth=maybe", /--noauth is "maybe", but takes true or false/],
    ["--log_level=loud", /--log_level is "loud", but takes one of debug, info, warn, error/],
    ["--broadcast_adapter=kafka", /"kafka", but takes a list of http, redis/],
    ["--ocpp_path=/ocpp", /--ocpp_path=\/ocpp asks for OCPP.*this version does not have/],
    ["--path=cable", /--path can't be "cable"/],
    ["--path=/a{", /"\/a\{" can't be used: a \{ is never closed/],
    ["--path=/a,/a", /--path .*twice/],
    ["--path=/{a},/{b}", /"\/\{b\}" is used twice/],
    ["--metrics_http=/cable", /path and metrics_http are both \/cable/],
    ["--rpc_host=:::", /--rpc_host has ":::".*host:port/],
    ["--host=203.0.113.7", /203\.0\.113\.7:8080.*option host/],
    ["--config-path=/no/such.toml", /--config-path: there is no file \/no\/such\.toml/],
  ])("%s", async (flag, expected) => {
    expect(await complaint([flag])).toMatch(expected);
  });

  it.each([
    ["prot = 1", /unknown key prot in .*test\.toml/],
    ["[server]\nprot = 1", /unknown key server\.prot .*did you mean .*port/],
    ['[server]\nport = "a"', /server\.port in .*test\.toml is "a"/],
    ["[server", /test\.toml line 1/],
    ["port = 1\nport = 2", /test\.toml line 2/],
    ['[ocpp]\npath = "/ocpp"', /ocpp\.path .*this version does not have/],
  ])("the file %j", async (toml, expected) => {
    await inFolder(async (folder) => {
      await writeFile(join(folder, "test.toml"), toml);
      expect(await complaint(["--config-path=test.toml"], { cwd: folder })).toMatch(expected);
    });
  });

  it("a variable", async () => {
    expect(await complaint([], { env: { ANYCABLE_PORT: "abc" } })).toMatch(/^ANYCABLE_PORT is "abc"/);
    expect(await complaint([], { env: { ROPEWAY_PING_INTERVAL: "soon" } })).toMatch(/^ROPEWAY_PING_INTERVAL is "soon"/);
  });

  it("without telling the secret that is in it", async () => {
    for (const flag of ["--redis_url=redis://:hunter2@host:port", "--redis_url=http://:hunter2@host"]) {
      const said = await complaint([flag]);
      expect(said).toContain("--redis_url");
      expect(said).not.toContain("hunter2");
    }
  });

  it.each([
    ["port", (port: number) => [`--port=${port}`]],
    ["metrics_port", (port: number) => ["--port=0", "--metrics_http=/metrics", `--metrics_port=${port}`]],
    ["http_broadcast_port", (port: number) => ["--port=0", "--broadcast_adapter=http", `--http_broadcast_port=${port}`]],
  ])("%s, when another process has it", async (option, flags) => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    onTestFinished(() => void taken.close());
    const { port } = taken.address() as AddressInfo;
    const said = await complaint([...flags(port), "--norpc", "--noauth", "--broadcast_key=k", "--host=127.0.0.1"]);
    expect(said).toContain(`127.0.0.1:${port}: another process has it`);
    expect(said).toMatch(new RegExp(`the option ${option}\\.$`));
  });
});
