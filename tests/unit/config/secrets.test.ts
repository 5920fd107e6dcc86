import { expect, it } from "vitest";
import { deriveKey, realSecret } from "../../../src/config/secrets.ts";

it("keys are those that AnyCable and the application's libraries derive", () => {
  expect(deriveKey("qwerty", "api-cable")).toBe("bdd0244b3664404d03b7d0c2f1b946dc4fc6c13fdcbfa2be62a4a28deb04d096");
});

it("`none` and nothing are no secrets", () => {
  expect([realSecret(""), realSecret("none"), realSecret("None")]).toEqual([undefined, undefined, "None"]);
});
