import { describe, expect, it } from "vitest";
import { noController } from "../../../src/rpc/none.ts";
import { commandOf, disconnectOf } from "./requests.ts";

const { signal } = new AbortController();

describe("noController", () => {
  it("needs to know nothing about clients", () => {
    expect(noController().needsEnv).toBe(false);
    expect(noController().isReachable).toBeUndefined();
  });

  it("turns connections away", async () => {
    expect(await noController().connect(commandOf("a"), signal)).toEqual({
      status: "rejected",
      transmissions: ['{"type":"disconnect","reason":"unauthorized","reconnect":false}'],
    });
  });

  it("turns subscriptions away, in the client's own words", async () => {
    const identifier = '{"channel":"Chät\\u0041","x":"\\""}';
    expect(await noController().command({ ...commandOf("a"), command: "subscribe", identifier }, signal)).toMatchObject({
      status: "rejected",
      disconnect: false,
      transmissions: [`{"type":"reject_subscription","identifier":${JSON.stringify(identifier)}}`],
    });
  });

  it("fails everything else", async () => {
    const failure = { code: "rpc.failed", message: expect.stringContaining("not implemented") as string };
    for (const command of ["unsubscribe", "message"] as const) {
      await expect(noController().command({ ...commandOf("a"), command }, signal)).rejects.toMatchObject(failure);
    }
    await expect(noController().disconnect(disconnectOf("a"), signal)).rejects.toMatchObject(failure);
  });
});
