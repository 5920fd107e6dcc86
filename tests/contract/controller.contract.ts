import { getEventListeners } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CableError, type ErrorCode } from "../../src/errors.ts";
import type { CommandRequest, ConnectRequest, Controller, DisconnectRequest } from "../../src/rpc/controller.ts";
import { Status } from "../../src/rpc/generated/rpc.ts";
import { Refusal, type Application, type IncomingCall } from "../support/application.ts";
import { deferred } from "../support/deferred.ts";
import { eventually } from "../support/eventually.ts";

export interface OpenController {
  readonly controller: Controller;
  /** Ends the application, after the suite has stopped the controller. */
  close(): Promise<void>;
}

export interface ControllerContractOptions {
  /** Starts an application and a controller that asks it. The suite starts and stops the controller. */
  open(application: Application): Promise<OpenController>;
}

const env = {
  url: "http://example.test/cable?token=abc",
  headers: new Map([
    ["cookie", "a=1; b=2"],
    ["x-empty-looking", " "],
    ["REMOTE_ADDR", "192.0.2.1"],
  ]),
};

/** Keys that a plain object would treat as something else, and text that is easily mangled on the way. */
const oddState = new Map([
  ["__proto__", "{}"],
  ["constructor", "x"],
  ["", "empty key"],
  ["empty value", ""],
  ["ключ 🔑", 'зна"чение\n\u0000'],
]);

export const connectRequest: ConnectRequest = { sid: "sid-1", env };

export const commandRequest: CommandRequest = {
  sid: "sid-1",
  env,
  command: "subscribe",
  identifier: '{"channel":"ChatChannel","id":"1"}',
  connectionIdentifiers: '{"current_user":"jane"}',
  data: "",
  cstate: oddState,
  istate: new Map([["room", "1"]]),
};

export const disconnectRequest: DisconnectRequest = {
  sid: "sid-1",
  env,
  connectionIdentifiers: '{"current_user":"jane"}',
  subscriptions: ['{"channel":"B"}', '{"channel":"A"}'],
  cstate: oddState,
  istates: new Map([
    ['{"channel":"A"}', oddState],
    ["__proto__", new Map()],
  ]),
};

const never = (): AbortSignal => new AbortController().signal;

/** Resolves to the code that a call fails with. */
export async function codeOf(call: Promise<unknown>): Promise<ErrorCode> {
  const error = await call.then(
    () => new Error("it did not fail"),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(CableError);
  return (error as CableError).code;
}

/** Every duty of the port, for a controller that asks an application which speaks the RPC contract. */
export function controllerContract(name: string, { open }: ControllerContractOptions): void {
  describe(`controller contract: ${name}`, () => {
    let application: Application;
    let controller: Controller;
    let close: () => Promise<void>;

    beforeEach(async () => {
      application = {};
      const delegate: Application = {
        connect: (request, call) => application.connect?.(request, call) ?? {},
        command: (request, call) => application.command?.(request, call) ?? {},
        disconnect: (request, call) => application.disconnect?.(request, call) ?? {},
      };
      ({ controller, close } = await open(delegate));
      await controller.start?.();
    });

    afterEach(async () => {
      await controller.stop?.();
      await close();
    });

    /** All three calls, for what they have in common. */
    const calls = {
      connect: (signal = never()) => controller.connect(connectRequest, signal),
      command: (signal = never()) => controller.command(commandRequest, signal),
      disconnect: (signal = never()) => controller.disconnect(disconnectRequest, signal),
    };
    const names = Object.keys(calls) as (keyof typeof calls)[];

    /** The application answers every call like this. */
    function answerAll(
      answer: (call: IncomingCall) => never | { readonly status?: number; readonly errorMsg?: string } | Uint8Array,
    ): void {
      application = {
        connect: (_request, call) => answer(call),
        command: (_request, call) => answer(call),
        disconnect: (_request, call) => answer(call),
      };
    }

    describe("connect", () => {
      it("tells the application who has come, and brings back who that is", async () => {
        application.connect = (request, call) => {
          expect(call).toMatchObject({ sid: "sid-1", protov: "v1" });
          expect(request.env).toEqual({ ...env, cstate: new Map(), istate: new Map() });
          return {
            identifiers: '{"id":"1"}',
            transmissions: ['{"type":"welcome"}', " not json\n"],
            env: { cstate: oddState, istate: new Map() },
          };
        };
        expect(await calls.connect()).toEqual({
          status: "accepted",
          identifiers: '{"id":"1"}',
          transmissions: ['{"type":"welcome"}', " not json\n"],
          cstate: oddState,
        });
      });

      it("takes a yes without identifiers, transmissions and state", async () => {
        expect(await calls.connect()).toEqual({ status: "accepted", identifiers: "", transmissions: [], cstate: new Map() });
      });

      it("brings back a refusal as an answer", async () => {
        application.connect = () => ({ status: Status.FAILURE, transmissions: ['{"type":"disconnect"}'], identifiers: "ignored" });
        expect(await calls.connect()).toEqual({ status: "rejected", transmissions: ['{"type":"disconnect"}'] });
      });
    });

    describe("command", () => {
      it.each(["subscribe", "unsubscribe", "message"] as const)("carries every field of %s there and back", async (command) => {
        application.command = (request, call) => {
          expect(call).toMatchObject({ sid: "sid-1", protov: "v1" });
          expect(request).toEqual({
            command,
            identifier: commandRequest.identifier,
            connectionIdentifiers: commandRequest.connectionIdentifiers,
            data: '{"text":"привет 👋"}',
            env: { ...env, cstate: oddState, istate: new Map([["room", "1"]]) },
          });
          return {
            disconnect: true,
            stopStreams: true,
            streams: ["b", "a", "b"],
            stoppedStreams: ["c"],
            transmissions: ["1", "2"],
            env: { cstate: oddState, istate: new Map([["__proto__", ""]]) },
            presence: { type: "join", id: "jane", info: '{"name":"Jane"}', ttl: 5 },
          };
        };
        expect(await controller.command({ ...commandRequest, command, data: '{"text":"привет 👋"}' }, never())).toEqual({
          status: "accepted",
          disconnect: true,
          stopAllStreams: true,
          streams: ["b", "a", "b"],
          stoppedStreams: ["c"],
          transmissions: ["1", "2"],
          cstate: oddState,
          istate: new Map([["__proto__", ""]]),
          presence: { type: "join", id: "jane", info: '{"name":"Jane"}' },
        });
      });

      it("takes an answer without anything but yes", async () => {
        expect(await calls.command()).toEqual({
          status: "accepted",
          disconnect: false,
          stopAllStreams: false,
          streams: [],
          stoppedStreams: [],
          transmissions: [],
          cstate: new Map(),
          istate: new Map(),
          presence: undefined,
        });
      });

      it("brings back what comes with a refusal", async () => {
        application.command = () => ({ status: Status.FAILURE, transmissions: ["no"], streams: ["s"], disconnect: true });
        expect(await calls.command()).toMatchObject({ status: "rejected", transmissions: ["no"], streams: ["s"], disconnect: true });
      });

      it("carries a megabyte each way", async () => {
        const data = "é".repeat(512 * 1024);
        application.command = (request) => ({ transmissions: [request.data] });
        expect((await controller.command({ ...commandRequest, data }, never())).transmissions).toEqual([data]);
      });

      it("keeps many calls at once apart", async () => {
        application.command = async (request) => {
          if (Number(request.data) % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
          return { transmissions: [request.data] };
        };
        const all = Array.from({ length: 200 }, (_, index) => String(index));
        const answers = await Promise.all(all.map((data) => controller.command({ ...commandRequest, data }, never())));
        expect(answers.map((answer) => answer.transmissions[0])).toEqual(all);
      });
    });

    describe("disconnect", () => {
      it("tells the application who has gone, and with which state", async () => {
        let seen = false;
        application.disconnect = (request, call) => {
          seen = true;
          expect(call).toMatchObject({ sid: "sid-1", protov: "v1" });
          expect(request).toMatchObject({
            identifiers: disconnectRequest.connectionIdentifiers,
            subscriptions: disconnectRequest.subscriptions,
          });
          expect(request.env).toMatchObject({ ...env, cstate: oddState });
          const istates = [...request.env!.istate].map(([identifier, json]) => [identifier, Object.entries(JSON.parse(json) as object)]);
          expect(istates).toEqual([
            ['{"channel":"A"}', [...oddState]],
            ["__proto__", []],
          ]);
          return {};
        };
        expect(await calls.disconnect()).toBeUndefined();
        expect(seen).toBe(true);
      });

      it("ignores a refusal", async () => {
        application.disconnect = () => ({ status: Status.FAILURE });
        await calls.disconnect();
      });
    });

    describe.each(names)("%s", (call) => {
      it("fails with what the application says went wrong", async () => {
        answerAll(() => ({ status: Status.ERROR, errorMsg: "undefined method `name' for nil" }));
        await expect(calls[call]()).rejects.toMatchObject({
          code: "rpc.failed",
          message: expect.stringContaining("undefined method `name'") as string,
        });
      });

      it.each([
        ["unavailable", "rpc.unavailable"],
        ["exhausted", "rpc.exhausted"],
        ["unauthenticated", "rpc.unauthenticated"],
        ["unknown", "rpc.failed"],
      ] as const)("fails when it is %s, with a code and the reason", async (kind, code) => {
        answerAll(() => {
          throw new Refusal(kind, "because of this");
        });
        await expect(calls[call]()).rejects.toMatchObject({ code, message: expect.stringContaining("because of this") as string });
      });

      it("does not take a status that the contract doesn't know", async () => {
        answerAll(() => ({ status: 7 }));
        expect(await codeOf(calls[call]())).toBe("rpc.invalid_answer");
      });

      it("does not take bytes that are no message, and lives on", async () => {
        for (const bytes of [[0xff], [0x0a, 0x7f, 0x00], [0x08], [0x12, 0xff, 0xff, 0xff, 0xff, 0x0f], [0x2f, 0x2e]]) {
          answerAll(() => Uint8Array.from(bytes));
          expect(await codeOf(calls[call]())).toBe("rpc.invalid_answer");
        }
        application = {};
        await calls[call]();
      });

      it("makes no call when the signal has fired already", async () => {
        let arrived = 0;
        answerAll(() => ({ status: ++arrived }));
        expect(await codeOf(calls[call](AbortSignal.abort()))).toBe("rpc.canceled");
        await calls[call]();
        expect(arrived).toBe(1);
      });

      it("gives a running call up when the signal fires, and tells the application", async () => {
        const arrived = deferred<IncomingCall>();
        application = {
          connect: (_request, incoming) => hang(incoming),
          command: (_request, incoming) => hang(incoming),
          disconnect: (_request, incoming) => hang(incoming),
        };
        function hang(incoming: IncomingCall): Promise<object> {
          arrived.resolve(incoming);
          return new Promise(() => {});
        }
        const client = new AbortController();
        const failed = codeOf(calls[call](client.signal));
        const { canceled } = await arrived.promise;
        client.abort();
        expect(await failed).toBe("rpc.canceled");
        await eventually(() => canceled.aborted).toBe(true);
      });

      it("leaves nothing behind on the signal", async () => {
        const { signal } = new AbortController();
        await calls[call](signal);
        answerAll(() => ({ status: Status.ERROR }));
        await codeOf(calls[call](signal));
        expect(getEventListeners(signal, "abort")).toEqual([]);
      });
    });

    it("reaches the application", async () => {
      await calls.connect();
      expect(controller.isReachable?.() ?? true).toBe(true);
    });

    it("gives running calls up when it stops, and makes no more", async () => {
      const arrived = deferred<void>();
      application.command = () => {
        arrived.resolve();
        return new Promise(() => {});
      };
      const failed = codeOf(calls.command());
      await arrived.promise;
      await controller.stop?.();
      expect(await failed).toBe("rpc.canceled");
      expect(await codeOf(calls.command())).toBe("rpc.failed");
    });
  });
}
