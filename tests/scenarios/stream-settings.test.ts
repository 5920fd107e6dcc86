// Settings for some streams, as the file has them.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CableClient, publicStream } from "../support/cable-client.ts";
import { bodiesOf, connectExt, positionOf, until } from "../support/ext-client.ts";
import { startRopeway, standalone, type Ropeway } from "../support/ropeway.ts";
import { channel } from "../support/rpc-stage.ts";
import { foreignNames, signedName } from "../support/signed-names.ts";

const file = `
[broker]
adapter = "memory"
history_limit = 3

[[broker.streams]]
pattern = "log/vip-*"

[[broker.streams]]
pattern = "log/*"
history_limit = 1
presence = false

[[broker.streams]]
pattern = "cursor:*"
history_ttl = 0
`;

describe("settings for some streams", () => {
  let folder: string;
  let ropeway: Ropeway;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "ropeway-streams-"));
    await writeFile(join(folder, "ropeway.toml"), file);
    const signed = [`--streams_secret=${foreignNames.secret}`, "--streams_presence=false"];
    ropeway = await startRopeway([...standalone, ...signed, `--config-path=${join(folder, "ropeway.toml")}`]);
  });

  afterAll(async () => {
    await ropeway.stop();
    await rm(folder, { recursive: true });
  });

  it.each([
    ["chat/1", 3],
    ["log/vip-1", 3],
    ["log/1", 1],
  ])("keep as much of %s as the first pattern that fits says", async (stream, kept) => {
    const identifier = publicStream(stream);
    const { client } = await connectExt(ropeway.cable);
    await client.subscribe(identifier);
    const positions: object[] = [];
    for (const n of [1, 2, 3, 4, 5]) {
      expect(await ropeway.publish({ stream, data: String(n) })).toBe(201);
      positions.push(positionOf(await client.next()));
    }
    const after = async (n: number, answer: string): Promise<unknown[]> => {
      client.say({ command: "history", identifier, history: { streams: { [stream]: positions[n - 1] } } });
      return bodiesOf(await until(client, answer));
    };
    expect(await after(5 - kept, "confirm_history")).toEqual([1, 2, 3, 4, 5].slice(-kept));
    expect(await after(4 - kept, "reject_history")).toEqual([]);
    await client.close();
  });

  it("keep nothing at all of a stream whose messages may stay for no time", async () => {
    const identifier = publicStream("cursor:1");
    const { client } = await connectExt(ropeway.cable);
    await client.subscribe(identifier);
    expect(await ropeway.publish({ stream: "cursor:1", data: "1" })).toBe(201);
    // Without a position: there is none to return to.
    expect(await client.next()).toEqual({ identifier, message: 1 });
    await client.close();
  });

  it("let nobody be present where they say so", async () => {
    const client = await CableClient.connect(ropeway.cable);
    const join = async (identifier: string): Promise<readonly unknown[]> => {
      await client.subscribe(identifier);
      client.say({ command: "join", identifier, presence: { id: "1" } });
      return client.sync();
    };
    expect(await join(publicStream("chat/2"))).toEqual([expect.objectContaining({ type: "presence" })]);
    expect(await join(publicStream("log/2"))).toEqual([]);
    expect(await join(channel("$pubsub", { signed_stream_name: signedName("chat/3") }))).toEqual([]);
    await client.close();
  });
});
