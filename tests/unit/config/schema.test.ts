import { describe, expect, it } from "vitest";
import { variablesOf } from "../../../src/config/option.ts";
import { optionByName, options } from "../../../src/config/schema.ts";
import { readText, readToml, showValue } from "../../../src/config/value.ts";

describe("every option", () => {
  it("is told in sentences", () => {
    for (const { name, text, advice = text } of options) {
      for (const sentence of [text, advice]) expect(sentence, name).toMatch(/^(?:[A-Z]|text |debug |`).*\.$/u);
      expect(text.length, name).toBeLessThan(120);
    }
  });

  it("has a default that it would take, as text and in a file", () => {
    for (const option of options) {
      // Empty text is how most options say that they are not set, which a flag need not be able to say.
      if (option.default !== "" && option.only !== "file")
        expect(readText(option, showValue(option, option.default)), option.name).toEqual({ value: option.default });
      expect(readToml(option, option.default), option.name).toEqual({ value: option.default });
    }
  });

  it("names the part it belongs to when that is not built", () => {
    for (const { name, part, class: kind } of options) expect(part !== undefined, name).toBe(kind === "not-built");
  });

  it("can be given somewhere", () => {
    for (const option of options) {
      expect(option.only === "flag" || option.toml !== undefined || variablesOf(option).length > 0, option.name).toBe(true);
    }
  });

  it("becomes options of today, if it is an old name", () => {
    for (const { name, deprecated, default: value } of options) {
      for (const target of Object.keys(deprecated?.becomes(value) ?? {})) {
        expect(optionByName.get(target), `${name} → ${target}`).toBeDefined();
        expect(optionByName.get(target)?.deprecated, `${name} → ${target}`).toBeUndefined();
      }
    }
  });
});
