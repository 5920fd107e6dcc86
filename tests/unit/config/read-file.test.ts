import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { readFileIfThere } from "../../../src/config/read-file.ts";

const directory = mkdtempSync(join(tmpdir(), "ropeway-config-"));
afterAll(() => rmSync(directory, { recursive: true }));

it("gives the text, or nothing when there is no file", () => {
  const path = join(directory, "x.toml");
  writeFileSync(path, "noauth = true\n");
  expect(readFileIfThere(path)).toBe("noauth = true\n");
  expect(readFileIfThere(join(directory, "y.toml"))).toBeUndefined();
  expect(readFileIfThere(join(path, "z.toml"))).toBeUndefined();
});

it("does not take a file that can't be read for one that isn't there", () => {
  expect(() => readFileIfThere(directory)).toThrow(
    expect.objectContaining({ code: "config.unreadable_file", message: expect.stringContaining(directory) }),
  );
});
