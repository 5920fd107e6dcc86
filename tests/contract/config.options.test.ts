import { describe, expect, it } from "vitest";
import { hasFlag, variablesOf, type Option } from "../../src/config/option.ts";
import { optionByName, options } from "../../src/config/schema.ts";
import { certificate, publicKey, samples, type Sample } from "../fixtures/config/samples.ts";
import { load, type Loaded, type Sources } from "../fixtures/config/load.ts";

const files = { "/app/ca.pem": certificate, "/app/public.pem": publicKey };

/** Every way to give an option a value, by the name that messages use for it. */
function waysToGive(option: Option, { text, value }: Sample): readonly (readonly [way: string, origin: string, Sources])[] {
  const ways: [string, string, Sources][] = [];
  if (hasFlag(option)) {
    const swapped = option.name.replaceAll(/[_-]/gu, (mark) => (mark === "_" ? "-" : "_"));
    for (const flag of [`--${option.name}`, `-${option.name}`, `--${swapped}`, `-${swapped}`]) {
      ways.push([`${flag}=`, `--${option.name}`, { argv: [`${flag}=${text}`] }]);
      const argv = option.type === "boolean" ? (value === true ? [flag] : undefined) : [flag, text];
      if (argv !== undefined) ways.push([flag, `--${option.name}`, { argv }]);
    }
  }
  for (const variable of variablesOf(option)) ways.push([variable, variable, { env: { [variable]: text } }]);
  if (option.toml !== undefined) {
    const toml = `${option.toml} = ${literal(option, value)}`;
    ways.push([toml, `${option.toml} in /app/ropeway.toml`, { files: { "/app/ropeway.toml": toml } }]);
    if (option.type === "list" || option.type === "tags") {
      const asText = `${option.toml} = ${JSON.stringify(text)}`;
      ways.push([asText, `${option.toml} in /app/ropeway.toml`, { files: { "/app/ropeway.toml": asText } }]);
    }
  }
  return ways;
}

function literal(option: Option, value: unknown): string {
  if (option.type === "rows") return `[${(value as readonly object[]).map(table).join(", ")}]`;
  return option.type === "tags" ? table(value as object) : JSON.stringify(value);
}

function table(entries: object): string {
  const pairs = Object.entries(entries).map(([name, value]) => `${name} = ${JSON.stringify(value)}`);
  return `{ ${pairs.join(", ")} }`;
}

function loadWith(name: string, sample: Sample, sources: Sources): Loaded {
  const [path, text] = Object.entries(sources.files ?? {})[0] ?? ["/app/ropeway.toml", ""];
  // What stands beside it must not be stronger than what is tried.
  const beside = (sample.beside ?? []).filter((argument) => !argument.startsWith(`--${name}=`));
  return load({
    argv: [...beside, ...(sources.argv ?? [])],
    env: { ...sample.among, ...sources.env },
    files: { ...files, [path]: `${sample.inFile ?? ""}\n${text}` },
  });
}

function at(config: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>((part, name) => (part as Record<string, unknown>)[name], config);
}

const settable = options.filter((option) => option.only !== "flag");

it("has a sample for every option, and for nothing else", () => {
  expect(Object.keys(samples).toSorted()).toEqual(settable.map((option) => option.name).toSorted());
});

it("has no two options with one flag, variable or key", () => {
  for (const names of [
    options.filter(hasFlag).map((option) => option.name.replaceAll("-", "_")),
    options.flatMap(variablesOf),
    options.flatMap((option) => option.toml ?? []),
  ]) {
    expect(names.toSorted()).toEqual([...new Set(names)].toSorted());
  }
});

describe.each(settable.map((option) => [option.name, option, samples[option.name]!] as const))("option %s", (name, option, sample) => {
  const ways = waysToGive(option, sample);

  it("has its default when nobody says anything, without a word", () => {
    const { settings, notes, warnings } = load({});
    expect(settings.get(name)).toEqual({ value: option.default, source: "default", origin: "default" });
    expect(option.default).not.toEqual(sample.value);
    expect([...notes, ...warnings]).toEqual([]);
  });

  it("can be given, somewhere", () => {
    expect(ways.length).toBeGreaterThan(0);
  });

  it.each(ways)("takes %s", (_way, origin, sources) => {
    if (sample.isRefused) {
      const line = new RegExp(`^${escape(origin)}(?:=| ).*does not have that`, "u");
      expect(() => loadWith(name, sample, sources)).toThrow(
        expect.objectContaining({ code: "config.not_built", message: expect.stringMatching(line) }),
      );
      return;
    }
    if (sample.becomes !== undefined) {
      expectOldName(name, sample, sources, origin);
      return;
    }
    const { config, settings, notes, warnings } = loadWith(name, sample, sources);
    if (option.deprecated === undefined) expect(settings.get(name)).toMatchObject({ value: sample.value, origin });
    else expect(warnings).toContainEqual(expect.stringMatching(`^${escape(origin)} is deprecated: `));
    if (sample.shows !== undefined) expect(at(config, sample.shows[0])).toEqual(sample.shows[1]);
    const noted = notes.filter((note) => new RegExp(`[ :]${escape(name)}(?:,|$)`, "u").test(note));
    expect(noted).toHaveLength(sample.isNoted ? 1 : 0);
  });

  it("does what its class says", () => {
    const works = sample.shows !== undefined || (sample.becomes !== undefined && samples[sample.becomes[0]]!.shows !== undefined);
    expect(option.class === "works").toBe(works);
  });

  it("takes its own default as a given value, silently", () => {
    if (option.toml === undefined) return;
    const { warnings, notes } = load({ files: { "/app/ropeway.toml": `${option.toml} = ${literal(option, option.default)}` } });
    expect([...warnings, ...notes]).toEqual([]);
  });
});

/** An old name means what the new one does, and says so. */
function expectOldName(name: string, sample: Sample, sources: Sources, origin: string): void {
  const [target, value] = sample.becomes!;
  if (samples[target]!.isRefused) {
    expect(() => loadWith(name, sample, sources)).toThrow(
      expect.objectContaining({ code: "config.not_built", message: expect.stringMatching(`^${escape(origin)}`) }),
    );
    return;
  }
  const { settings, warnings } = loadWith(name, sample, sources);
  expect(settings.get(target)).toMatchObject({ value, origin });
  expect(warnings).toEqual([expect.stringMatching(`^${escape(origin)} is deprecated: use ${optionByName.get(target)!.name}`)]);
}

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/gu, "\\$&");
}
