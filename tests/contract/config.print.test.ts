import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { options } from "../../src/config/schema.ts";
import { renderConfig } from "../../src/config/render.ts";
import { load, type Loaded, type Sources } from "../fixtures/config/load.ts";
import { certificate, privateKey, publicKey, samples } from "../fixtures/config/samples.ts";

const files = { "/app/ca.pem": certificate, "/app/public.pem": publicKey, "/app/key.pem": privateKey };

/** The configuration, printed and loaded again from nothing but that. */
function reloaded(loaded: Loaded): Loaded {
  return load({ files: { ...files, "/app/ropeway.toml": renderConfig(loaded.settings) } });
}

function expectToComeBack(sources: Sources): Loaded {
  const first = load({ ...sources, files: { ...files, ...sources.files } });
  const second = reloaded(first);
  expect(second.config).toEqual(first.config);
  expect(second.notes).toEqual(first.notes);
  return second;
}

/** Options that a file can hold and that are not refused. */
const printable = options.filter(
  ({ name, toml, deprecated }) => toml !== undefined && deprecated === undefined && samples[name]!.isRefused === undefined,
);

const streams = '[{ pattern = "chat/*", history_limit = 5, history_ttl = 60, presence = false }, { Pattern = "news" }]';

function variableOf(name: string): string {
  return `ROPEWAY_${name.toUpperCase().replaceAll("-", "_")}`;
}

describe("--print-config", () => {
  it("says nothing but comments when nothing was set", () => {
    const text = renderConfig(load({}).settings);
    expect(text.split("\n").filter((line) => line !== "" && !line.startsWith("#") && !/^\[\w+\]$/u.test(line))).toEqual([]);
    expect(text).toContain('# host = "localhost"');
    expectToComeBack({});
  });

  it.each(printable.map(({ name, only }) => [name, only] as const))("brings %s back", (name, only) => {
    const sample = samples[name]!;
    const option = options.find((candidate) => candidate.name === name)!;
    const sources: Sources =
      only === "file"
        ? { files: { "/app/ropeway.toml": `${option.toml} = ${option.type === "rows" ? streams : JSON.stringify(sample.value)}` } }
        : {
            env: { [variableOf(name)]: sample.text },
            argv: (sample.beside ?? []).filter((argument) => !argument.startsWith(`--${name}=`)),
          };
    const second = expectToComeBack(sources);
    expect(second.settings.get(name)).toMatchObject({ value: sample.value, source: "file" });
  });

  it("brings everything back at once", () => {
    const env = Object.fromEntries(
      printable.filter(({ only }) => only === undefined).map(({ name }) => [variableOf(name), samples[name]!.text]),
    );
    expectToComeBack({ env });
    const { ROPEWAY_PUBLIC: _public, ...unlikePublic } = env;
    expectToComeBack({ env: unlikePublic });
  });

  it("brings back what was set to the default, which is not the same as not set", () => {
    const second = expectToComeBack({ argv: ["--redis_url=redis://localhost:6379"] });
    expect(second.config.redis.isRequired).toBe(true);
  });

  it("writes old names as what they mean", () => {
    const first = load({ argv: ["--disable_disconnect", "--http_broadcast_secret=k"] });
    const text = renderConfig(first.settings);
    expect(text).toContain('mode = "never"');
    expect(text).toMatch(/^broadcast_key = "k"$/mu);
    expect(reloaded(first)).toMatchObject({ config: first.config, warnings: [] });
  });

  it("comes back from what AnyCable printed", () => {
    for (const name of ["anycable-default", "anycable-many", "anycable-nats"]) {
      const text = readFileSync(new URL(`../fixtures/config/${name}.toml`, import.meta.url), "utf8");
      expectToComeBack({ files: { "/app/ropeway.toml": text } });
    }
  });

  it("brings any text back, whatever is in it", () => {
    const word = fc.string({ unit: "binary", minLength: 1, maxLength: 30 }).filter((text) => !text.includes("\0"));
    const item = word.map((text) => text.trim()).filter((text) => text !== "" && !text.includes(","));
    fc.assert(
      fc.property(
        word,
        fc.uniqueArray(item, { maxLength: 4 }),
        fc.dictionary(fc.oneof(fc.stringMatching(/^[a-z][a-z0-9_]{0,8}$/u), fc.constant("constructor")), item),
        (key, cookies, tags) => {
          const argv = [
            `--broadcast_key=${key}`,
            `--redis_channel=${key}`,
            `--proxy-cookies=${cookies.join(",")}`,
            `--metrics_tags=${Object.entries(tags)
              .map(([name, text]) => `${name}:${text}`)
              .join(",")}`,
          ];
          const second = expectToComeBack({ argv });
          expect(second.config.broadcast).toMatchObject({ redisChannel: key });
          expect(second.config.rpc.proxyCookies).toEqual(cookies);
          expect(second.config.metrics.tags).toEqual(tags);
        },
      ),
    );
  });

  it("brings any number back", () => {
    const numbers = options.filter(
      (option) => option.type === "integer" && option.class === "works" && option.only === undefined && option.toml !== undefined,
    );
    fc.assert(
      fc.property(fc.constantFrom(...numbers), fc.double({ min: 0, max: 1, noNaN: true }), (option, share) => {
        if (option.type !== "integer") return;
        const { min = 0, max = Number.MAX_SAFE_INTEGER } = option;
        const value = min + Math.floor((max - min) * share);
        expectToComeBack({ argv: [`--${option.name}=${value}`] });
      }),
    );
  });
});
