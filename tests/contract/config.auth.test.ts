import { describe, expect, it } from "vitest";
import { CableError } from "../../src/errors.ts";
import { load, type Loaded, type Sources } from "../fixtures/config/load.ts";
import { publicKey } from "../fixtures/config/samples.ts";

const configOf = (...argv: readonly string[]): Loaded["config"] => load({ argv }).config;

function refusal(sources: Sources): string {
  try {
    load(sources);
  } catch (error) {
    if (!(error instanceof CableError)) throw error;
    return `${error.code} ${error.message}`;
  }
  throw new Error("it was accepted");
}

describe("--secret alone", () => {
  it("verifies tokens and signed streams, and says nothing", () => {
    const { config, warnings, notes } = load({ argv: ["--secret=qwerty"] });
    expect(config.auth.jwt).toEqual({ param: "jid", isEnforced: false, secrets: ["qwerty"], publicKeys: undefined, jwks: undefined });
    expect(config.streams).toEqual({
      isPublic: false,
      presenceInSigned: true,
      pubsubChannel: "$pubsub",
      secrets: ["qwerty"],
      whisperInSigned: false,
      turbo: undefined,
      cableReady: undefined,
    });
    expect([...warnings, ...notes]).toEqual([]);
  });

  it("is what nobody said: without it there is neither", () => {
    for (const argv of [[], ["--secret=none"], ["--secret="]]) {
      expect(configOf(...argv)).toMatchObject({ auth: { jwt: undefined }, streams: { secrets: [] } });
    }
  });

  it("gives way to a secret for each, and to none for each", () => {
    const config = configOf("--secret=s", "--jwt_secret=j", "--streams_secret=t", "--turbo_streams", "--cable_ready");
    expect(config.auth.jwt?.secrets).toEqual(["j"]);
    expect(config.streams).toMatchObject({ secrets: ["t"], turbo: { secrets: ["t"] }, cableReady: { secrets: ["t"] } });
    expect(configOf("--secret=s", "--jwt_secret=none", "--streams_secret=none")).toMatchObject({
      auth: { jwt: undefined },
      streams: { secrets: [] },
    });
  });
});

describe("keys of tokens", () => {
  const files = { "/app/public.pem": publicKey, "/app/jwks.json": "{}" };

  it("that are public switch off tokens of the application's secret, unless those are asked for", () => {
    const secretsWith = (...argv: readonly string[]): readonly string[] | undefined => load({ argv, files }).config.auth.jwt?.secrets;
    for (const key of ["--jwt_public_key=public.pem", "--jwt_jwks=jwks.json", "--jwt_jwks=https://id.example.com/keys"]) {
      expect(secretsWith("--secret=s", key)).toEqual([]);
      expect(secretsWith("--secret=s", "--jwt_secret=s", key)).toEqual(["s"]);
      expect(secretsWith("--secret=s", "--jwt_previous_secrets=old", key)).toEqual(["old"]);
    }
  });

  it("can be text, on one line too", () => {
    const keys = (text: string): string | undefined => load({ env: { ROPEWAY_JWT_PUBLIC_KEY: text } }).config.auth.jwt?.publicKeys;
    expect(keys(publicKey)).toBe(publicKey);
    expect(keys(publicKey.replaceAll("\n", "\\n"))).toBe(publicKey);
  });

  it("that are not there stop the start", () => {
    expect(refusal({ argv: ["--jwt_public_key=none.pem"] })).toBe('config.unreadable_file --jwt_public_key: there is no file "none.pem"');
    expect(refusal({ env: { ROPEWAY_JWT_JWKS: "none.json" } })).toBe(
      'config.unreadable_file ROPEWAY_JWT_JWKS: there is no file "none.json"',
    );
  });

  it("are fetched from a URL that can be one", () => {
    expect(refusal({ argv: ["--jwt_jwks=https://"] })).toBe("config.invalid_value --jwt_jwks is no URL");
    const withPassword = refusal({ argv: ["--jwt_jwks=https://user:s3cr3t@id.example.com/keys"] });
    expect(withPassword).toMatch(/^config\.invalid_value --jwt_jwks has a user or password inside/u);
    expect(withPassword).not.toContain("s3cr3t");
    const warnings = (url: string): readonly string[] => load({ argv: [`--jwt_jwks=${url}`] }).warnings;
    expect(warnings("https://id.example.com/keys")).toEqual([]);
    expect(warnings("http://localhost:3000/keys")).toEqual([]);
    expect(warnings("http://id.example.com/keys")).toEqual([expect.stringMatching(/^--jwt_jwks is fetched without TLS/u)]);
  });

  it("are needed when tokens are: AnyCable would let everybody in", () => {
    expect(refusal({ argv: ["--enforce_jwt"] })).toMatch(
      /^config\.invalid_value --enforce_jwt asks for tokens, but nothing verifies them: set /u,
    );
    expect(refusal({ argv: ["--enforce_jwt", "--secret=none"] })).toContain("--enforce_jwt");
    expect(refusal({ argv: ["--jwt_id_enforce"] })).toContain("--jwt_id_enforce");
    expect(configOf("--enforce_jwt", "--secret=s").auth.jwt?.isEnforced).toBe(true);
  });

  it("are looked for under a name that fits a query and a header", () => {
    for (const name of ["", "a b", "a=b", "a:b", "ä"]) expect(refusal({ argv: [`--jwt_param=${name}`] })).toContain("--jwt_param");
    expect(configOf("--secret=s", "--jwt_param=Auth-Token_2").auth.jwt?.param).toBe("Auth-Token_2");
  });
});

describe("secrets that are being replaced", () => {
  it("stand behind the one that replaces them, an item a line or a list in the file", () => {
    const secrets = ["new", "with, commas", "with blanks"];
    expect(
      load({ env: { ROPEWAY_JWT_PREVIOUS_SECRETS: "with, commas\n\n with blanks\n" }, argv: ["--secret=new"] }).config.auth.jwt?.secrets,
    ).toEqual(secrets);
    const toml = 'secret = "new"\n[jwt]\nprevious_secrets = ["with, commas", "with blanks"]\n';
    expect(load({ files: { "/app/ropeway.toml": toml } }).config.auth.jwt?.secrets).toEqual(secrets);
  });

  it("are kept once", () => {
    expect(configOf("--streams_secret=a", "--streams_previous_secrets=a\nb\nb").streams.secrets).toEqual(["a", "b"]);
  });

  it("of $pubsub verify Turbo and CableReady as long as these have no secret of their own", () => {
    const streams = configOf(
      "--turbo_streams",
      "--cable_ready",
      "--secret=a",
      "--streams_previous_secrets=b",
      "--cable_ready_secret=c",
    ).streams;
    expect(streams).toMatchObject({ turbo: { secrets: ["a", "b"] }, cableReady: { secrets: ["c"] } });
  });

  it("of Turbo verify nothing else", () => {
    const { streams } = configOf(
      "--turbo_streams",
      "--cable_ready",
      "--secret=a",
      "--turbo_streams_secret=b",
      "--turbo_streams_previous_secrets=c",
    );
    expect(streams).toMatchObject({ secrets: ["a"], turbo: { secrets: ["b", "c"] }, cableReady: { secrets: ["a"] } });
  });
});

describe("Turbo and CableReady", () => {
  it.each([
    ["turbo_streams", "turbo"],
    ["cable_ready", "cableReady"],
  ] as const)("%s without a secret goes to the application, with a warning", (name, key) => {
    for (const secret of ["--secret=none", `--${name}_secret=none`]) {
      const { config, warnings } = load({ argv: [`--${name}`, secret] });
      expect(config.streams[key]).toBeUndefined();
      expect(warnings).toEqual([
        `--${name} has no effect, the application is asked: no secret verifies these streams; set ${name}_secret, streams_secret or secret`,
      ]);
    }
  });

  it.each([
    ["turbo_rails_key", "turbo"],
    ["cable_ready_key", "cableReady"],
  ] as const)("%s, an old name, switches it on with its secret", (name, key) => {
    const { config, warnings } = load({ argv: [`--${name}=k`, "--secret=s"] });
    expect(config.streams[key]).toEqual({ secrets: ["k"] });
    expect(warnings).toEqual([expect.stringMatching(new RegExp(`^--${name} is deprecated`, "u"))]);
  });

  it.each(["turbo_rails_cleartext", "cable_ready_cleartext"])("%s does nothing, as in AnyCable, and says so", (name) => {
    const { config, warnings } = load({ argv: [`--${name}`, "--secret=s"] });
    expect(config.streams).toMatchObject({ turbo: undefined, cableReady: undefined, isPublic: false });
    expect(warnings).toEqual([expect.stringContaining("public_streams")]);
  });
});
