// An application in another language, generated from proto/rpc.proto by that language's own tools.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CableClient } from "../support/cable-client.ts";
import { startPythonBackend, type PythonBackend } from "../support/python-backend.ts";
import { startRopeway, type Ropeway } from "../support/ropeway.ts";

const lobby = JSON.stringify({ channel: "ChatChannel", room: "lobby" });

describe("an application in Python", () => {
  let backend: PythonBackend;
  let ropeway: Ropeway;

  beforeAll(async () => {
    backend = await startPythonBackend();
    ropeway = await startRopeway([`--rpc_host=${backend.address}`]);
  });

  afterAll(async () => {
    await ropeway?.stop();
    await backend?.stop();
  });

  function connect(name: string): Promise<CableClient> {
    return CableClient.connect(`${ropeway.cable}?room=1`, { headers: { cookie: `name=${name}` } });
  }

  function calls(user: string): readonly Readonly<Record<string, unknown>>[] {
    return backend.calls.filter((call) => JSON.stringify(call).includes(`"${user}"`));
  }

  it("answers a client's whole life, and its state comes back with every call", async () => {
    const before = backend.calls.length;
    const jane = await connect("jane");
    expect(backend.calls[before]).toEqual({
      method: "Connect",
      sid: expect.stringMatching(/.{16}/),
      protov: "v1",
      url: `${ropeway.http("/cable")}?room=1`,
    });
    expect(await jane.subscribe(lobby)).toEqual({ type: "confirm_subscription", identifier: lobby });
    for (const [index, text] of ["hello", "¿qué tal? 👋"].entries()) {
      jane.say({ command: "message", identifier: lobby, data: JSON.stringify({ action: "speak", text }) });
      expect(await jane.next()).toEqual({ identifier: lobby, message: { from: "jane", room: "lobby", text, said: index + 1 } });
    }
    expect(await ropeway.publish({ stream: "chat:lobby", data: JSON.stringify({ text: "for all" }) })).toBe(201);
    expect(await jane.next()).toEqual({ identifier: lobby, message: { text: "for all" } });
    await jane.close();
    await expect.poll(() => calls("jane").at(-1)?.["method"]).toBe("Disconnect");
    const state = (command: string, said: string, istate: Readonly<Record<string, string>>): unknown => ({
      method: "Command",
      command,
      user: "jane",
      cstate: { name: "jane", said },
      istate,
    });
    expect(calls("jane")).toEqual([
      state("subscribe", "0", {}),
      state("message", "0", { room: "lobby" }),
      state("message", "1", { room: "lobby", last: "hello" }),
      {
        method: "Disconnect",
        identifiers: { current_user: "jane" },
        subscriptions: [lobby],
        cstate: { name: "jane", said: "2" },
        istate: { [lobby]: { room: "lobby", last: "¿qué tal? 👋" } },
      },
    ]);
  });

  it("takes a client out of its streams", async () => {
    const joe = await connect("joe");
    await joe.subscribe(lobby);
    joe.say({ command: "unsubscribe", identifier: lobby });
    await expect.poll(() => calls("joe").at(-1)?.["command"]).toBe("unsubscribe");
    expect(await joe.sync()).toEqual([]);
    await ropeway.publish({ stream: "chat:lobby", data: '"nobody hears this"' });
    expect(await joe.sync()).toEqual([]);
    await joe.close();
  });

  it("refuses subscriptions and clients, and closes them", async () => {
    const private_ = JSON.stringify({ channel: "ChatChannel", room: "private" });
    const jim = await connect("jim");
    expect(await jim.subscribe(private_)).toEqual({ type: "reject_subscription", identifier: private_ });
    await jim.subscribe(lobby);
    jim.say({ command: "message", identifier: lobby, data: JSON.stringify({ action: "quit" }) });
    expect((await jim.ended).code).toBe(1000);
    const nobody = new CableClient(ropeway.cable);
    expect(await nobody.next()).toEqual({ type: "disconnect", reason: "unauthorized", reconnect: false });
    await nobody.ended;
  });

  it("may break down in one call, and goes on in the next", async () => {
    const jill = await connect("jill");
    await jill.subscribe(lobby);
    jill.say({ command: "message", identifier: lobby, data: JSON.stringify({ action: "break" }) });
    jill.say({ command: "message", identifier: lobby, data: JSON.stringify({ action: "speak", text: "still here" }) });
    expect(await jill.next()).toMatchObject({ message: { text: "still here", said: 1 } });
    await jill.close();
  });
});
