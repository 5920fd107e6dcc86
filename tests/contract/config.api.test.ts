import { describe, expect, it } from "vitest";
import type { Config } from "../../src/config/config.ts";
import { load, loadToml, type Loaded } from "../fixtures/config/load.ts";

function of(...argv: readonly string[]): Loaded {
  return load({ argv });
}

function api(...argv: readonly string[]): Config["api"] {
  return of(...argv).config.api;
}

describe("the API", () => {
  it("is there when AnyCable has it: with a port, a key, a secret, or for everybody", () => {
    expect(api()).toBeUndefined();
    expect(api("--broadcast_key=k", "--noauth", "--api_path=/v1")).toBeUndefined();
    expect(api("--secret=qwerty")).toEqual({
      listen: "main",
      path: "/api",
      // HMAC-SHA256 of "api-cable" with the key "qwerty", by another implementation.
      key: "bdd0244b3664404d03b7d0c2f1b946dc4fc6c13fdcbfa2be62a4a28deb04d096",
      corsOrigins: undefined,
      maxBodyBytes: 8 * 1024 * 1024,
    });
    expect(api("--api_secret=a", "--secret=qwerty")).toMatchObject({ listen: "main", key: "a" });
    expect(api("--api_port=9003")).toMatchObject({ listen: { host: "localhost", port: 9003 }, key: undefined });
    expect(api("--public")).toMatchObject({ listen: "main", key: undefined });
  });

  it("keeps its key in public", () => {
    expect(api("--public", "--api_secret=a")?.key).toBe("a");
    expect(api("--public", "--secret=qwerty")?.key).toBe(api("--secret=qwerty")?.key);
    expect(of("--public", "--secret=qwerty").warnings).toEqual([expect.stringContaining("the API alone keeps its key")]);
  });

  it("is not on the main port without a key, unless this is public and no other machine's", () => {
    const off = [["--public", "--host=0.0.0.0"], ["--public", "--host=::", "--api_port=8080"], ["--api_port=8080"]];
    for (const argv of off) {
      expect(api(...argv), argv.join(" ")).toBeUndefined();
      expect(of(...argv).warnings.join("\n")).toMatch(/^--(?:public|api_port) asks for the API, which is off, because no key/mu);
    }
    for (const argv of [["--secret=qwerty", "--api_secret=none"], ["--api_secret=none"], ["--secret=none"]]) {
      expect(of(...argv)).toMatchObject({ config: { api: undefined }, warnings: [] });
    }
    expect(api("--secret=qwerty", "--api_secret=none", "--api_port=9003")).toMatchObject({ key: undefined, listen: { port: 9003 } });
  });

  it("can have an address of its own, and pages that may call it", () => {
    const toml = (text: string): Config["api"] => loadToml(`secret = "s"\n[server]\nallowed_origins = "a.io"\n[api]\n${text}`).config.api;
    expect(toml('host = "127.0.0.1"\n')?.listen).toEqual({ host: "127.0.0.1", port: 8080 });
    expect(toml('host = "localhost"\n')?.listen).toBe("main");
    expect(toml("cors_headers = true\n")?.corsOrigins).toEqual(["a.io"]);
    expect(toml('cors_headers = true\ncors_hosts = "B.io, c.io"\n')?.corsOrigins).toEqual(["b.io", "c.io"]);
    expect(toml('cors_hosts = "b.io"\n')?.corsOrigins).toBeUndefined();
  });

  it("has a path without a slash at its end", () => {
    expect(api("--secret=s", "--api_path=/")?.path).toBe("");
    expect(api("--secret=s", "--api_path=/v1/api/")?.path).toBe("/v1/api");
    expect(() => of("--secret=s", "--api_path=api")).toThrow('a path starts with "/"');
    expect(() => of("--secret=s", "--path=/api/publish")).toThrow("path and the API's publish are both /api/publish on the same port");
    expect(() => of("--path=/api/publish")).not.toThrow();
  });
});
