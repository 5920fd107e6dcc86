import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isPlainEverywhere, wordFor } from "../../../src/nats/names.ts";
import { subjects } from "../../../src/nats/subjects.ts";
import { oddNames, unlikeNames } from "../../support/odd-names.ts";

const { subjectOf, internal } = subjects({ internal: "__anycable_internal__", reserved: ["broadcasts"] });

describe("the subject of a stream", () => {
  it.each(["chat", "chat/1", "chat:1", "чат/1", "💬", "a_b-c", "Z2lkOi8v--abc", "_", "a$", "x".repeat(120)])("is its name: %s", (stream) =>
    expect(subjectOf(stream)).toBe(stream),
  );

  it.each([
    ["a.b", "=YS5i"],
    ["a b", "=YSBi"],
    ["*", "=Kg"],
    [">", "=Pg"],
    ["", "="],
    ["=YQ", "=PVlR"],
    ["$SYS", "=JFNZUw"],
    ["_INBOX", "=X0lOQk9Y"],
    ["__anycable__", "=X19hbnljYWJsZV9f"],
    [internal, "=X19hbnljYWJsZV9pbnRlcm5hbF9f"],
    ["broadcasts", "=YnJvYWRjYXN0cw"],
    ["\u0000", "=AA"],
    ["\ud800", "==ANg"],
  ])("is encoded where the name %j can't be one, or is one already", (stream, subject) => expect(subjectOf(stream)).toBe(subject));

  it("is short however long the name is", () => {
    expect(subjectOf("x".repeat(10_000))).toMatch(/^===[\w-]{43}$/);
    expect(subjectOf(`${"x".repeat(10_000)}\ud800`)).toMatch(/^====[\w-]{43}$/);
  });

  it("has the prefix in front", () => {
    const prefixed = subjects({ prefix: "app", internal: "in", reserved: ["app.taken", "free"] });
    expect(prefixed.internal).toBe("app.in");
    expect(["chat", "a.b", "in", "taken", "free"].map(prefixed.subjectOf)).toEqual([
      "app.chat",
      "app.=YS5i",
      "app.=aW4",
      "app.=dGFrZW4",
      "app.free",
    ]);
  });
});

describe("words for names", () => {
  const everywhere = (name: string): string => wordFor(name, isPlainEverywhere);

  it("are what folders can be called", () => {
    expect(["chat_1-A", "chat/1", "чат"].map(everywhere)).toEqual(["chat_1-A", "=Y2hhdC8x", "=0YfQsNGC"]);
  });

  it("differ when the names do, and have no more than one word and 255 bytes", () => {
    const check = (names: readonly string[]): void => {
      for (const word of [everywhere, subjectOf]) {
        const words = names.map(word);
        expect(new Set(words).size).toBe(new Set(names).size);
        for (const one of words) expect(one).not.toMatch(/[\s.*>]/u);
      }
      for (const name of names) expect(everywhere(name)).toMatch(/^[\w=-]{1,200}$/);
    };
    check(unlikeNames);
    fc.assert(fc.property(fc.array(oddNames), check));
  });
});
