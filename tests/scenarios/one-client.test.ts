import { afterEach, describe, expect, it } from "vitest";
import { Refusal } from "../support/application.ts";
import { CableClient } from "../support/cable-client.ts";
import { channelApp } from "../support/channel-app.ts";
import { startGrpcApp, type GrpcApp } from "../support/grpc-app.ts";
import { startRopeway, type LogLine, type Ropeway } from "../support/ropeway.ts";

const identifier = JSON.stringify({ channel: "RoomChannel" });

describe("what happened to one client", () => {
  let app: GrpcApp;
  let ropeway: Ropeway;
  afterEach(async () => {
    await ropeway?.stop();
    await app?.kill();
  });

  async function start(...flags: readonly string[]): Promise<void> {
    const actions = {
      speak: (): void => {},
      explode(): void {
        throw new Refusal("unknown", "no such table: messages");
      },
    };
    const subscribed = (): void => {};
    app = await startGrpcApp({
      application: channelApp({ channels: { RoomChannel: { subscribed, actions } }, broadcast: async () => {} }),
    });
    ropeway = await startRopeway([`--rpc_host=${app.address}`, ...flags]);
  }

  async function connect(requestId: string): Promise<CableClient> {
    const client = await CableClient.connect(ropeway.cable, { headers: { "x-request-id": requestId } });
    expect(await client.subscribe(identifier)).toMatchObject({ type: "confirm_subscription" });
    return client;
  }

  function perform(client: CableClient, action: string): void {
    client.say({ command: "message", identifier, data: JSON.stringify({ action }) });
  }

  /** Trouble of several kinds, while somebody else has none. Returns the troubled one's sid, which the application knows as well. */
  async function trouble(): Promise<{ readonly sid: string; readonly client: CableClient }> {
    const client = await connect("from-the-proxy");
    const { sid } = app.calls[0]!;
    const bystander = await connect("somebody-else");
    client.socket.send("{ this is no JSON");
    perform(client, "explode");
    client.say({ command: "unsubscribe", identifier: "never heard of" });
    await client.sync();
    perform(bystander, "speak");
    await bystander.sync();
    await bystander.close();
    return { sid, client };
  }

  /** `grep <sid>` */
  function grep(sid: string): LogLine[] {
    return ropeway.log.filter((line) => JSON.stringify(line).includes(sid));
  }

  it("is found by its sid: at level info what went wrong", async () => {
    await start();
    const { sid, client } = await trouble();
    await client.close();
    await ropeway.stop();
    expect(grep(sid)).toEqual([
      expect.objectContaining({ level: "WARN", msg: "malformed message from a client", code: "protocol.malformed", sid }),
      expect.objectContaining({
        level: "WARN",
        msg: "command failed",
        command: "message",
        identifier,
        code: "rpc.failed",
        error: expect.stringContaining("no such table: messages") as string,
        sid,
      }),
    ]);
  });

  it("is found by its sid: at level debug its whole life, and how to get from the proxy's request id to it", async () => {
    await start("--log_level=debug");
    const { sid, client } = await trouble();
    // The application throws it out.
    await ropeway.publish({ command: "disconnect", payload: { identifier: JSON.stringify({ uid: sid }), reconnect: false } });
    await client.ended;
    await ropeway.logged("session closed", (line) => line["sid"] === sid);
    expect(grep("from-the-proxy")).toEqual([expect.objectContaining({ msg: "session opening", sid, protocol: "actioncable-v1-json" })]);
    expect(grep(sid).map(({ level, msg }) => `${String(level)} ${msg}`)).toEqual([
      "DEBUG session opening",
      "DEBUG session open",
      "WARN malformed message from a client",
      "WARN command failed",
      "DEBUG command failed",
      "DEBUG session closing",
      "DEBUG session closed",
    ]);
    expect(grep(sid).at(-2)).toMatchObject({ reason: "remote" });
    expect(grep(sid).at(-1)).toMatchObject({ code: expect.any(Number) as number, clean: true });
  });
});
