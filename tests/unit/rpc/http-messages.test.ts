import { describe, expect, it } from "vitest";
import { readCommand, readConnect, readDisconnect, writeCommand, writeConnect, writeDisconnect } from "../../../src/rpc/http-messages.ts";

const env = {
  url: "http://example.test/cable?a=b",
  headers: new Map([
    ["cookie", "a=1"],
    ["__proto__", "odd"],
  ]),
};
const nobody = { url: "", headers: new Map<string, string>() };

const answer = (fields: unknown): Buffer => Buffer.from(typeof fields === "string" ? fields : JSON.stringify(fields));

describe("requests", () => {
  it("are what AnyCable writes: names with underscores, nothing that is empty", () => {
    expect(writeConnect({ sid: "s", env })).toBe(
      '{"env":{"url":"http://example.test/cable?a=b","headers":{"cookie":"a=1","__proto__":"odd"}}}',
    );
    expect(writeConnect({ sid: "s", env: nobody })).toBe('{"env":{}}');
    const bare = { sid: "s", env: nobody, connectionIdentifiers: "", cstate: new Map<string, string>() };
    expect(writeCommand({ ...bare, command: "subscribe", identifier: "i", data: "", istate: new Map() })).toBe(
      '{"command":"subscribe","identifier":"i","env":{}}',
    );
    expect(writeDisconnect({ ...bare, subscriptions: [], istates: new Map() })).toBe('{"env":{}}');
  });

  it("carry every field", () => {
    const one = new Map([["k", "v"]]);
    expect(
      JSON.parse(
        writeCommand({
          sid: "s",
          env,
          command: "message",
          identifier: '{"channel":"C"}',
          connectionIdentifiers: '{"id":1}',
          data: "\u2028 \ud800 é",
          cstate: one,
          istate: new Map([["__proto__", "{}"]]),
        }),
      ),
    ).toEqual({
      command: "message",
      identifier: '{"channel":"C"}',
      connection_identifiers: '{"id":1}',
      data: "\u2028 \ud800 é",
      env: {
        url: env.url,
        headers: Object.fromEntries(env.headers),
        cstate: { k: "v" },
        istate: JSON.parse('{"__proto__":"{}"}') as object,
      },
    });
    const istates = new Map([
      ["A", one],
      ["B", new Map<string, string>()],
    ]);
    expect(
      JSON.parse(writeDisconnect({ sid: "s", env, connectionIdentifiers: "me", subscriptions: ["A", "B"], cstate: one, istates })),
    ).toMatchObject({ identifiers: "me", subscriptions: ["A", "B"], env: { cstate: { k: "v" }, istate: { A: '{"k":"v"}', B: "{}" } } });
  });
});

describe("answers", () => {
  it.each([
    [1, "accepted"],
    [2, "rejected"],
    ["SUCCESS", "accepted"],
    ["FAILURE", "rejected"],
  ])("have the status %j", (status, expected) => {
    expect(readConnect(answer({ status })).status).toBe(expected);
  });

  it.each([{}, { status: 0 }, { status: null }, { status: "ERROR" }, { error_msg: "boom", transmissions: 7 }])(
    "are errors: %j",
    (fields) => {
      for (const read of [readConnect, readCommand, readDisconnect]) {
        expect(() => read(answer({ error_msg: "boom", ...fields }))).toThrow(
          expect.objectContaining({ code: "rpc.failed", message: "the application answered with an error: boom" }) as Error,
        );
      }
    },
  );

  it.each([3, -1, 1.5, 1e300, "success", "1", "__proto__", "toString", true, [1], {}])("have no status %j", (status) => {
    expect(() => readDisconnect(answer({ status }))).toThrow(expect.objectContaining({ code: "rpc.invalid_answer" }) as Error);
  });

  it("may have null for everything that is empty, as TypeScript applications write it", () => {
    const fields = { status: 1, identifiers: null, transmissions: null, error_msg: null, env: null, streams: null, disconnect: null };
    expect(readConnect(answer(fields))).toEqual({ status: "accepted", identifiers: "", transmissions: [], cstate: new Map() });
    expect(readCommand(answer({ ...fields, presence: null, env: { cstate: null, istate: { gone: null } } }))).toMatchObject({
      disconnect: false,
      streams: [],
      cstate: new Map(),
      istate: new Map([["gone", ""]]),
      presence: undefined,
    });
  });

  it("may have fields that nobody knows, and keys that objects bring along", () => {
    const fields =
      '{"status":1,"new":{"a":[1]},"__proto__":{"streams":["x"]},"constructor":1,"env":{"cstate":{"__proto__":"p"},"other":1}}';
    expect(readCommand(answer(fields))).toMatchObject({ streams: [], cstate: new Map([["__proto__", "p"]]) });
  });

  it.each([
    ["identifiers", 5],
    ["identifiers", { id: 1 }],
    ["transmissions", "text"],
    ["transmissions", [{ type: "welcome" }]],
    ["transmissions", [null]],
    ["transmissions", { 0: "a" }],
    ["env", "text"],
    ["env", []],
    ["env.cstate", []],
    ["env.cstate", "text"],
    ["env.cstate", { key: 1 }],
    ["env.cstate", { key: { nested: true } }],
  ])("are refused, with the name of the field, when %s is %j", (name, value) => {
    const fields = name.startsWith("env.") ? { env: { cstate: value } } : { [name]: value };
    expect(() => readConnect(answer({ status: 1, ...fields }))).toThrow(
      expect.objectContaining({ code: "rpc.invalid_answer", message: expect.stringContaining(`"${name}"`) as string }) as Error,
    );
  });

  it.each([
    ["disconnect", 1],
    ["stop_streams", "true"],
    ["streams", [["nested"]]],
    ["stopped_streams", 0],
    ["presence", "join"],
    ["presence.info", { name: "Jane" }],
    ["env.istate", 1],
    ["error_msg", []],
  ])("of a command are refused when %s is %j", (name, value) => {
    const [part, field] = name.split(".") as [string, string?];
    const fields = { [part]: field === undefined ? value : { [field]: value } };
    expect(() => readCommand(answer({ status: 1, ...fields }))).toThrow(
      expect.objectContaining({ code: "rpc.invalid_answer", message: expect.stringContaining(`"${name}"`) as string }) as Error,
    );
  });

  it.each([
    ["nothing", Buffer.alloc(0)],
    ["broken JSON", answer('{"status":1')],
    ["HTML", answer("<!DOCTYPE html><html></html>")],
    ["a list", answer("[]")],
    ["a number", answer("1")],
    ["null", answer("null")],
    ["a text", answer('"SUCCESS"')],
    ["what is not UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ["an endless list", answer("[".repeat(1_000_000))],
    ["an endless object", answer('{"a":'.repeat(1_000_000))],
  ])("are refused when they are %s", (_what, body) => {
    for (const read of [readConnect, readCommand, readDisconnect]) {
      expect(() => read(body)).toThrow(
        expect.objectContaining({
          code: "rpc.invalid_answer",
          message: expect.stringMatching(/^the application's answer is .{1,300}$/su) as string,
        }) as Error,
      );
    }
  });
});
