import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { inFolder, runRopeway, type Finished } from "../support/run-command.ts";

type Outside = Parameters<typeof runRopeway>[1];

function check(flags: readonly string[] = [], outside?: Outside): Promise<Finished> {
  return runRopeway(["config", "check", ...flags], outside);
}

interface Report {
  readonly ok: boolean;
  readonly options: readonly { readonly name: string; readonly value: string; readonly origin: string }[];
  readonly problems: readonly { readonly code: string; readonly message: string }[];
}

async function report(flags: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Report> {
  const { stdout, stderr, code } = await check(["--json", ...flags], { env });
  expect(stderr).toBe("");
  const parsed = JSON.parse(stdout) as Report;
  expect(code).toBe(parsed.ok ? 0 : 1);
  return parsed;
}

const secret = "correct-horse-battery-staple";

describe("ropeway config check", () => {
  it("says that all is well with the defaults, and nothing else", async () => {
    expect(await check()).toEqual({
      code: 0,
      stderr: "",
      stdout: "Configuration file: none\n\nEvery option has its default.\n\nOK: it would start.\n",
    });
  });

  it("lists what is set, aligned, with where it comes from and what that overrules", async () => {
    await inFolder(async (folder) => {
      await writeFile(join(folder, "my.toml"), '[server]\nport = 9001\n[ws]\npaths = ["/ws"]\n');
      const env = { ANYCABLE_PORT: "9002", ROPEWAY_SECRET: secret, HEROKU_APP_ID: "a", HEROKU_DYNO_ID: "b", NODE_ENV: "production" };
      const { code, stdout } = await check(["--config-path", "my.toml", "--port=9003", "--ping_interval", "5"], { env, cwd: folder });
      expect(code).toBe(0);
      const toml = join(folder, "my.toml");
      const lines = stdout.split("\n");
      expect(lines.slice(0, 9)).toEqual([
        `Configuration file: ${toml}`,
        "Presets: heroku",
        "",
        "OPTION         VALUE     FROM",
        "host           0.0.0.0   preset heroku",
        `port           9003      --port, instead of ANYCABLE_PORT, server.port in ${toml}`,
        `path           /ws       ws.paths in ${toml}`,
        "secret         (hidden)  ROPEWAY_SECRET",
        "ping_interval  5 s       --ping_interval",
      ]);
      expect(lines.at(-2)).toBe("OK: it would start.");
    });
  });

  it("lists every option when asked", async () => {
    const all = await report(["--all"]);
    expect(all.options.length).toBeGreaterThan(100);
    expect(all.options.find(({ name }) => name === "port")).toMatchObject({ value: "8080", origin: "default" });
  });

  it("tells everything that keeps the server from starting, not the first alone", async () => {
    await inFolder(async (folder) => {
      await writeFile(join(folder, "anycable.toml"), 'nonsense = 1\n[server]\nhost = 5\nmax_conn = "x"\n[redis]\nurl = "::"\n');
      const env = { ANYCABLE_PING_INTERVAL: "soon", ANYCABLE_PUSHER_APP_ID: "1" };
      const flags = ["--port=abc", "--bogus", "stray", "--ssl_cert=/x", "--sse", "--rpc_host=:::", "--enforce_jwt", "--log_level"];
      const { code, stdout } = await check(["--json", ...flags], { env, cwd: folder });
      expect(code).toBe(1);
      const { problems } = JSON.parse(stdout) as Report;
      const starts = [
        /^--port is "abc"/,
        /^unknown flag --bogus/,
        /^unexpected argument "stray"/,
        /^--log_level needs a value/,
        /^unknown key nonsense in .*anycable\.toml/,
        /^server\.host in .* is 5/,
        /^server\.max_conn in .* is "x"/,
        /^ANYCABLE_PING_INTERVAL is "soon"/,
        /^ANYCABLE_PUSHER_APP_ID=1 asks for the Pusher protocol/,
        /^--sse asks for server-sent events/,
        /^--ssl_cert is set without ssl_key/,
        /^redis\.url in .* is no URL/,
        /^--rpc_host has ":::"/,
        /^--enforce_jwt asks for tokens/,
      ];
      for (const start of starts) expect(problems).toContainEqual({ code: expect.any(String), message: expect.stringMatching(start) });
      expect(problems).toHaveLength(starts.length);
      const text = await check(flags, { env, cwd: folder });
      expect(text.code).toBe(1);
      expect(text.stdout).toMatch(/\nCAN'T START:\n {2}- --port is "abc"/);
      expect(text.stdout).toMatch(/\nFAILED: it can't start, for 14 reasons;.*\.\n$/);
      expect(text.stdout.split("\n").filter((line) => line.startsWith("  ") && line.length > 100)).toEqual([]);
    });
  });

  it.each([
    [["--config-path=no.toml"], /there is no file/],
    [["--path=/a{"], /a \{ is never closed/],
    [["--ssl_cert=/no.pem", "--ssl_key=/no.pem"], /ssl_cert.*no\.pem/],
    [["--jwt_public_key=-----BEGIN PUBLIC KEY-----"], /jwt_public_key/],
    [["--path=/health"], /path and health-path are both \/health/],
  ])("finds what the parts would stumble over: %j", async (flags, expected) => {
    const { problems } = await report(flags);
    expect(problems).toEqual([{ code: expect.any(String), message: expect.stringMatching(expected) }]);
  });

  it("names old names", async () => {
    const { stdout } = await check([], { env: { ANYCABLE_DISABLE_DISCONNECT: "true" } });
    expect(stdout).toContain("disconnect_mode  never  ANYCABLE_DISABLE_DISCONNECT\n");
    expect(stdout).toContain("Deprecated:\n  - ANYCABLE_DISABLE_DISCONNECT is deprecated: use disconnect_mode=never\n");
    expect(stdout).toMatch(
      /OK: it would start; 1 deprecated name; 1 note about what has no effect\.|OK: it would start; 1 deprecated name\./,
    );
  });

  it("explains itself, and knows no other word", async () => {
    expect((await runRopeway(["--help"])).stdout).toContain("ropeway config check [--all] [--json]");
    expect(await check(["--help"])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Usage: ropeway config check/) });
    for (const flags of [["config"], ["config", "show"]]) {
      expect(await runRopeway(flags)).toMatchObject({
        code: 1,
        stderr: "ropeway: ropeway config takes one word: check (config.unknown_option)\n",
      });
    }
  });
});
