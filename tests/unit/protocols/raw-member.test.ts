import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rawMember } from "../../../src/protocols/raw-member.ts";

describe("the text of a member", () => {
  it.each([
    ["integers above 2^53", '{"data":9007199254740993}', "9007199254740993"],
    ["digits that no number has", '{"data":[1.0,1e400,-0,0.10]}', "[1.0,1e400,-0,0.10]"],
    ["the order of its keys", '{"data":{"b":1,"10":2,"9":3}}', '{"b":1,"10":2,"9":3}'],
    ["blanks within it, and none around it", ' \n{ "a" : 1 ,\t"data" :\r {"x" : [ 1 ,2 ] } } ', '{"x" : [ 1 ,2 ] }'],
    ["escapes", String.raw`{"data":"\u00e4\"\\","a":1}`, String.raw`"\u00e4\"\\"`],
    ["brackets in strings", '{"data":{"a":"}]","b":["\\"{"]},"c":1}', '{"a":"}]","b":["\\"{"]}'],
    ["a word before the end", '{"data":null}', "null"],
    ["a word before a comma", '{"data":true,"a":false}', "true"],
    ["an empty value", '{"data":{},"a":[]}', "{}"],
  ])("keeps %s", (_what, json, expected) => expect(rawMember(json, "data")).toBe(expected));

  it("is of the object itself, and of none inside", () => {
    expect(rawMember('{"a":{"data":1},"b":["data"],"c":"data"}', "data")).toBeUndefined();
    expect(rawMember("{}", "data")).toBeUndefined();
    expect(rawMember(" { } ", "data")).toBeUndefined();
  });

  it("is the last one's when there are several, however they are written", () => {
    expect(rawMember('{"data":1,"data":2}', "data")).toBe("2");
    expect(rawMember(String.raw`{"data":1,"d\u0061ta":2}`, "data")).toBe("2");
    expect(rawMember(String.raw`{"d\\u0061ta":2}`, "data")).toBeUndefined();
  });

  it("is where JSON.parse finds it, whatever stands around", () => {
    const blank = fc.stringMatching(/^[ \t\r\n]{0,3}$/);
    const member = fc.record({ key: fc.oneof(fc.constant("data"), fc.string()), value: fc.json(), blank });
    fc.assert(
      fc.property(fc.array(member), blank, (members, outside) => {
        const inside = members.map(({ key, value, blank: b }) => `${b}${JSON.stringify(key)}${b}:${b}${value}${b}`).join(",");
        const json = `${outside}{${inside}}${outside}`;
        const expected = members.findLast(({ key }) => key === "data");
        expect(JSON.parse(json)).toBeTypeOf("object");
        expect(rawMember(json, "data")).toBe(expected?.value);
      }),
    );
  });

  it("is found however deep it goes", () => {
    const deep = `${"[".repeat(30_000)}${"]".repeat(30_000)}`;
    expect(rawMember(`{"data":${deep},"a":1}`, "data")).toBe(deep);
  });
});
