import { request } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import type { PresenceInfo } from "../../../src/broker/broker.ts";
import { CableError } from "../../../src/errors.ts";
import { apiStage, brokerOf, presenceOf, type ApiStage } from "../../support/api-stage.ts";

const cleanups: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function stageWith(info: (stream: string, withRecords: boolean) => PresenceInfo | Promise<PresenceInfo>): Promise<ApiStage> {
  const stage = await apiStage({ broker: brokerOf({ presence: presenceOf(info) }) });
  cleanups.push(stage.stop);
  return stage;
}

/** Sends a path as it stands, which `fetch` does not. */
function get(port: number, path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request({ port, path, host: "127.0.0.1" }, (response) => {
      response.resume().on("end", () => resolve(response.statusCode));
    })
      .on("error", reject)
      .end();
  });
}

describe("who is present", () => {
  it("is told as AnyCable tells it, with what clients said about themselves as they said it", async () => {
    const records = [
      { id: "42", info: `{"name":"José","n":9007199254740993}` },
      { id: 'quo"te', info: "null" },
    ];
    const { ask } = await stageWith(() => ({ total: 2, records }));
    const { text, headers } = await ask("presenceUsers", "/api/presence/chat/users");
    expect(text).toBe(
      String.raw`{"type":"info","total":2,"records":[{"info":{"name":"José","n":9007199254740993},"id":"42"},{"info":null,"id":"quo\"te"}]}`,
    );
    expect(headers.get("content-type")).toBe("application/json");
    expect(headers.get("cache-control")).toBe("no-store");
  });

  it.each([{ total: 0 }, { total: 0, records: [] }])("has no records when nobody is there: %j", async (info) => {
    const { ask } = await stageWith(() => info);
    expect((await ask("presenceUsers", "/api/presence/chat/users")).text).toBe(`{"type":"info","total":0}`);
  });

  it("can be counted only", async () => {
    const asked: boolean[] = [];
    const { ask } = await stageWith((_stream, withRecords) => {
      asked.push(withRecords);
      return { total: 7, records: withRecords ? [{ id: "1", info: "{}" }] : undefined };
    });
    expect((await ask("presenceUsers", "/api/presence/chat/users?records=false")).text).toBe(`{"type":"info","total":7}`);
    await ask("presenceUsers", "/api/presence/chat/users?records=true");
    await ask("presenceUsers", "/api/presence/chat/users");
    expect(asked).toEqual([false, true, true]);
    expect((await ask("presenceUsers", "/api/presence/chat/users?records=no")).status).toBe(422);
  });

  it("is of the stream that the path names, encoded or not", async () => {
    const streams: string[] = [];
    const { port } = await stageWith((stream) => {
      streams.push(stream);
      return { total: 0 };
    });
    const paths = [
      "chat",
      "chat%2F1",
      "chat/1",
      "Chat::Room%20%F0%9F%92%AC?x=/users",
      "a%2525",
      "/double//slash/",
      "..",
      "%2e%2e%2fnode",
      "*",
      `${"long".repeat(5_000)}`,
    ];
    for (const path of paths) expect(await get(port, `/api/presence/${path.replace(/(\?.*)?$/, "/users$1")}`)).toBe(200);
    expect(streams).toEqual([
      "chat",
      "chat/1",
      "chat/1",
      "Chat::Room 💬",
      "a%25",
      "/double//slash/",
      "..",
      "../node",
      "*",
      "long".repeat(5_000),
    ]);
    expect(await get(port, "/api/presence//users")).toBe(404);
    expect(await get(port, "/api/presence/chat")).toBe(404);
    expect(await get(port, "/api/presence/chat/users/1")).toBe(404);
    // Not UTF-8.
    expect(await get(port, "/api/presence/%ff/users")).toBe(400);
    expect(streams).toHaveLength(paths.length);
  });

  it("is not known without a broker, or with one that keeps no presence", async () => {
    for (const broker of [undefined, brokerOf({})]) {
      const { ask, stop } = await apiStage({ broker });
      const { status, json } = await ask("presenceUsers", "/api/presence/chat/users");
      expect([status, json]).toMatchObject([501, { error: { code: "api.unsupported" } }]);
      await stop();
    }
  });

  it("has to wait while the store is away", async () => {
    const { ask } = await stageWith(() => Promise.reject(new CableError("broker.unavailable", "Redis is away.")));
    const { status, json, headers } = await ask("presenceUsers", "/api/presence/chat/users");
    expect([status, json]).toEqual([503, { error: { code: "broker.unavailable", message: "Redis is away." } }]);
    expect(headers.get("retry-after")).toBe("1");
  });
});
