import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CableError } from "../../../src/errors.ts";
import { parseBroadcast } from "../../../src/publications/parse.ts";
import type { Broadcast } from "../../../src/publications/publication.ts";

const parse = (body: unknown): readonly Broadcast[] => parseBroadcast(typeof body === "string" ? body : JSON.stringify(body), 42);
const plain = { excludeSid: undefined, broadcastType: undefined, isTransient: false, receivedAtMs: 42 };

describe("what applications publish", () => {
  it("is one publication", () => {
    expect(parse({ stream: "chat/1", data: `{"b":1,"a":2}` })).toEqual([{ stream: "chat/1", json: `{"b":1,"a":2}`, ...plain }]);
  });

  it("carries meta", () => {
    const meta = { exclude_socket: "sid", broadcast_type: "presence", transient: true, other: [] };
    expect(parse({ stream: "s", data: "1", meta })).toEqual([
      { stream: "s", json: "1", excludeSid: "sid", broadcastType: "presence", isTransient: true, receivedAtMs: 42 },
    ]);
  });

  it("carries the trace that it was published in, and does not mind one that makes no sense", () => {
    const publish = (meta: object): unknown => parse({ stream: "s", data: "1", meta })[0];
    expect(publish({ traceparent: "00-a-b-01", tracestate: "x=1" })).toMatchObject({
      trace: { traceparent: "00-a-b-01", tracestate: "x=1" },
    });
    expect(publish({ traceparent: "nonsense", tracestate: 1 })).toMatchObject({
      trace: { traceparent: "nonsense", tracestate: undefined },
    });
    expect(publish({ traceparent: 1 })).toMatchObject({ trace: undefined });
  });

  it.each([null, {}, { exclude_socket: null, broadcast_type: "", transient: null }])("means nothing with meta %j", (meta) => {
    expect(parse({ stream: "s", data: "1", meta })).toEqual([{ stream: "s", json: "1", ...plain }]);
  });

  it("is a batch, in order", () => {
    const batch = [
      { stream: "b", data: "1" },
      { stream: "a", data: "2" },
      { stream: "b", data: "3" },
    ];
    expect(parse(batch)).toEqual(batch.map(({ stream, data }) => ({ stream, json: data, ...plain })));
  });

  it("is a remote disconnect", () => {
    const command = (payload: object): object => ({ command: "disconnect", payload });
    expect(parse(command({ identifier: "user:1", reconnect: true }))).toEqual([
      { command: "disconnect", identifiers: "user:1", reconnect: true },
    ]);
    expect(parse(command({ identifier: "user:1" }))).toEqual([{ command: "disconnect", identifiers: "user:1", reconnect: false }]);
    expect(parse({ stream: "", ...command({ identifier: "" }) })).toEqual([{ command: "disconnect", identifiers: "", reconnect: false }]);
  });

  it("may be a command of a newer application", () => {
    expect(parse({ command: "refresh", payload: null })).toEqual([{ command: "unknown", name: "refresh" }]);
  });

  it("is a publication when it has a stream, whatever else it has", () => {
    expect(parse({ stream: "s", data: "1", command: "disconnect", offset: 7, epoch: "e", extra: {} })).toEqual([
      { stream: "s", json: "1", ...plain },
    ]);
  });
});

describe("data", () => {
  it.each([
    [`{"id":12345678901234567890,"z":1.0,"a":"\\u00e9"}`, `{"id":12345678901234567890,"z":1.0,"a":"\\u00e9"}`],
    [" [1, 2]\n", " [1, 2]\n"],
    ["0", "0"],
    ["false", "false"],
    [`""`, `""`],
    [`"null"`, `"null"`],
    ["null", `"null"`],
    [" null ", `" null "`],
    ["", `""`],
    ["hello", `"hello"`],
    ["<b>é & \u2028</b>", JSON.stringify("<b>é & \u2028</b>")],
    ["{broken", `"{broken"`],
    ["undefined", `"undefined"`],
    ["NaN", `"NaN"`],
    ["'single'", `"'single'"`],
    ["01", `"01"`],
    ["1 2", `"1 2"`],
  ])("%j becomes %j", (data, json) => {
    expect(parse({ stream: "s", data })).toEqual([{ stream: "s", json, ...plain }]);
  });

  it("is always embedded as valid JSON that means the same", () => {
    const texts = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.json(),
      fc.jsonValue({ depthSize: "large" }).map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(texts, (data) => {
        const [item] = parse({ stream: "s", data });
        const embedded: unknown = JSON.parse((item as { json: string }).json);
        const value = valueOf(data);
        expect(embedded).toEqual(value === undefined || value === null ? data : value);
      }),
    );
  });

  it("may be nested as deeply as its author likes", () => {
    const data = "[".repeat(1_000_000) + "]".repeat(1_000_000);
    const [item] = parse({ stream: "s", data });
    expect((item as { json: string }).json === data).toBe(true);
  });
});

describe("what is no publication", () => {
  it.each<[unknown, RegExp]>([
    ["", /not JSON/],
    ["{", /not JSON \(at position 1\)/],
    ["secret token", /^Not a publication: the body is not JSON\.$/],
    ["\ufeff{}", /not JSON/],
    ["null", /not null/],
    ["1", /not a number/],
    [`"text"`, /not a string/],
    ["true", /not a boolean/],
    [{}, /stream must be a string, but is missing/],
    [{ stream: 1, data: "1" }, /stream must be a string, but is a number/],
    [{ stream: null, data: "1" }, /stream must be a string, but is null/],
    [{ stream: ["s"], data: "1" }, /stream must be a string, but is an array/],
    [{ stream: "", data: "1" }, /stream is empty/],
    [{ stream: "s" }, /data must be a string, usually of JSON, but is missing/],
    [{ stream: "s", data: { a: 1 } }, /data must be a string, usually of JSON, but is an object/],
    [{ stream: "s", data: null }, /data must be .* but is null/],
    [{ stream: "s", data: "1", meta: "x" }, /meta must be an object, but is a string/],
    [{ stream: "s", data: "1", meta: [] }, /meta must be an object, but is an array/],
    [{ stream: "s", data: "1", meta: { exclude_socket: 1 } }, /meta\.exclude_socket must be a string, but is a number/],
    [{ stream: "s", data: "1", meta: { broadcast_type: {} } }, /meta\.broadcast_type must be a string, but is an object/],
    [{ stream: "s", data: "1", meta: { transient: "true" } }, /meta\.transient must be true or false, but is a string/],
    [[], /batch is empty/],
    [[{ stream: "a", data: "1" }, null], /not null \(element 1 of the batch/],
    [
      [
        { stream: "a", data: "1" },
        { stream: "b", data: 2 },
      ],
      /data must be .* \(element 1 of the batch, counted from 0; nothing of it was delivered\)/,
    ],
    [[{ stream: "a", data: "1" }, { command: "disconnect" }], /stream must be a string, but is missing \(element 1/],
    [[[{ stream: "a", data: "1" }]], /not an array \(element 0/],
    [{ command: 1 }, /command must be a string, but is a number/],
    [{ command: "disconnect" }, /payload must be an object, but is missing/],
    [{ command: "disconnect", payload: [] }, /payload must be an object, but is an array/],
    [{ command: "disconnect", payload: {} }, /payload\.identifier must be a string, but is missing/],
    [{ command: "disconnect", payload: { identifier: {} } }, /payload\.identifier must be a string, but is an object/],
    [
      { command: "disconnect", payload: { identifier: "x", reconnect: "yes" } },
      /payload\.reconnect must be true or false, but is a string/,
    ],
    [`{"__proto__":{"stream":"s","data":"1"}}`, /stream must be a string, but is missing/],
    [`{"stream":"s","__proto__":{"data":"1"}}`, /data must be .* missing/],
    [`{"stream":"s","data":"1","meta":{"__proto__":null,"transient":0}}`, /meta\.transient/],
  ])("%j", (body, why) => {
    const attempt = (): unknown => parse(body);
    expect(attempt).toThrow(CableError);
    expect(attempt).toThrow(why);
    expect(attempt).toThrow(expect.objectContaining({ code: "publication.malformed" }));
  });

  it("does not quote the body, which may hold anything", () => {
    for (const body of [`{"stream":"s","data":hunter2}`, "hunter2", `{"stream":"s","data":"1","meta":{"transient":"hunter2"}}`]) {
      expect(() => parse(body)).not.toThrow(/hunter2/);
    }
  });

  it("never breaks anything else: it is a publication or it is malformed", () => {
    const key = fc.constantFrom(
      "stream",
      "data",
      "meta",
      "command",
      "payload",
      "identifier",
      "reconnect",
      "exclude_socket",
      "transient",
      "__proto__",
      "constructor",
    );
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        fc.constantFrom("disconnect", "s", "", "1", null, true, 0),
        fc.array(tie("any"), { maxLength: 3 }),
        fc.dictionary(key, tie("any"), { maxKeys: 5 }),
      ),
    })).any;
    fc.assert(
      fc.property(value, (anything) => {
        try {
          for (const item of parse(JSON.stringify(anything))) {
            if ("stream" in item) expect(item.stream).not.toBe("");
          }
        } catch (error) {
          expect(error).toMatchObject({ code: "publication.malformed" });
        }
      }),
      { numRuns: 500 },
    );
    expect(({} as Record<string, unknown>)["stream"]).toBeUndefined();
  });
});

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
