import { readFileSync } from "node:fs";
import { symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "smol-toml";
import { options } from "../../src/config/schema.ts";
import { hasFlag } from "../../src/config/option.ts";
import { repositoryRoot } from "../support/repository.ts";
import { inFolder, runRopeway } from "../support/run-command.ts";

const { version } = JSON.parse(readFileSync(`${repositoryRoot}package.json`, "utf8")) as { readonly version: string };

describe("commands", () => {
  it.each(["--version", "-version", "-v"])("%s prints the version alone", async (flag) => {
    expect(await runRopeway([flag])).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
  });

  it.each(["--help", "-help", "-h"])("%s prints every flag that works, and its variable", async (flag) => {
    const { code, stdout, stderr } = await runRopeway([flag]);
    expect([code, stderr]).toEqual([0, ""]);
    const flags = new Set([...stdout.matchAll(/^ {2}--([\w-]+)/gm)].map(([, name]) => name));
    const working = options.filter((option) => hasFlag(option) && option.class === "works" && option.deprecated === undefined);
    expect(flags).toEqual(new Set(working.map(({ name }) => name)));
    expect(stdout).toContain("$ANYCABLE_RPC_HOST");
    expect(stdout).toContain("$ROPEWAY_MAX_SUBSCRIPTIONS");
    expect(stdout.split("\n").filter((line) => line.length > 100)).toEqual([]);
  });

  it("looks at nothing else when help or version is asked for", async () => {
    await inFolder(async (folder) => {
      await writeFile(join(folder, "ropeway.toml"), "[broken");
      expect(await runRopeway(["--port=1", "--version"], { cwd: folder })).toMatchObject({ code: 0, stdout: `${version}\n` });
      expect(await runRopeway(["--help"], { cwd: folder })).toMatchObject({ code: 0, stderr: "" });
    });
  });

  it("--print-config prints a file that loads back the same", async () => {
    await inFolder(async (folder) => {
      const flags = [
        "--port=9000",
        "--path=/a,/{b}/c",
        "--secret=s",
        "--metrics_tags=env:test",
        "--noauth",
        "--log_level=debug",
        "--print-config",
      ];
      const first = await runRopeway(flags, { cwd: folder });
      expect(first).toMatchObject({ code: 0, stderr: "" });
      expect(parse(first.stdout)).toMatchObject({ secret: "s", noauth: true, server: { port: 9000 }, ws: { paths: ["/a", "/{b}/c"] } });
      const file = join(folder, "printed.toml");
      await writeFile(file, first.stdout);
      expect(await runRopeway([`--config-path=${file}`, "--print-config"], { cwd: folder })).toEqual(first);
    });
  });

  it("takes a default from the file, the file's from a variable, and a variable's from a flag", async () => {
    const portOf = async (flags: readonly string[], env: Readonly<Record<string, string>>, cwd: string): Promise<unknown> => {
      const { stdout } = await runRopeway([...flags, "--print-config"], { env, cwd });
      return (parse(stdout) as { readonly server?: { readonly port?: number } }).server?.port;
    };
    await inFolder(async (folder) => {
      expect(await portOf([], {}, folder)).toBeUndefined();
      await writeFile(join(folder, "anycable.toml"), "[server]\nport = 9001");
      expect(await portOf([], {}, folder)).toBe(9001);
      await writeFile(join(folder, "ropeway.toml"), "[server]\nport = 9002");
      expect(await portOf([], {}, folder)).toBe(9002);
      expect(await portOf([], { ANYCABLE_PORT: "9003" }, folder)).toBe(9003);
      expect(await portOf([], { ANYCABLE_PORT: "9003", ROPEWAY_PORT: "9004" }, folder)).toBe(9004);
      expect(await portOf(["--port", "9005"], { ROPEWAY_PORT: "9004" }, folder)).toBe(9005);
      expect(await portOf(["--ignore-config-path"], {}, folder)).toBeUndefined();
      expect(await portOf(["--config-path=anycable.toml"], {}, folder)).toBe(9001);
    });
  });

  it("runs by way of a link, as npm installs it", async () => {
    await inFolder(async (folder) => {
      const link = join(folder, "ropeway");
      await symlink(`${repositoryRoot}dist/cli/main.js`, link);
      expect(readFileSync(link, "utf8")).toMatch(/^#!\/usr\/bin\/env node\n/);
      expect(await runRopeway(["--version"], { command: link })).toMatchObject({ code: 0, stdout: `${version}\n` });
    });
  });
});
