import { expect, it } from "vitest";
import { parseBroadcast } from "../../src/publications/parse.ts";
import { apiStage } from "../support/api-stage.ts";
import { postPipelined } from "../support/pipelined-posts.ts";
import { broadcasterContract, type Answer } from "./broadcaster.contract.ts";

const answers: Readonly<Record<number, Answer>> = { 201: "accepted", 422: "malformed", 503: "unavailable", 500: "failed" };

broadcasterContract("api", async () => {
  const { api, port, stop } = await apiStage({ maxBodyBytes: 8 * 1024 * 1024 });
  return {
    broadcaster: api,
    async publish(...bodies) {
      return (await postPipelined(port, "/api/publish", bodies)).map((status) => answers[status]!);
    },
    close: stop,
  };
});

it("the API takes publications, batches and commands, and nothing that is too large or compressed", async () => {
  const { api, ask, stop } = await apiStage({ maxBodyBytes: 100 });
  await api.start((body) => void parseBroadcast(body, 0));
  const post = async (body: string, headers: Readonly<Record<string, string>> = {}): Promise<number> =>
    (await ask("publish", "/api/publish", { method: "POST", body, headers })).status;

  expect(await post(`{"stream":"a","data":"1"}`)).toBe(201);
  expect(await post(`[{"stream":"a","data":"1"},{"stream":"b","data":"2"}]`)).toBe(201);
  expect(await post(`{"command":"disconnect","payload":{"identifier":"u"}}`)).toBe(201);
  expect(await post(`{"stream":"a"}`)).toBe(422);
  expect(await post("x".repeat(101))).toBe(413);
  expect(await post("x", { "content-encoding": "gzip" })).toBe(415);
  await stop();
});
