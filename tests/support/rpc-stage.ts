import { Status } from "../../src/rpc/generated/rpc.ts";
import type { Application } from "./application.ts";
import { CableClient } from "./cable-client.ts";
import { startGrpcApp, type GrpcApp, type ReceivedCall } from "./grpc-app.ts";
import { startRopeway, type Ropeway } from "./ropeway.ts";

/** What applications say to clients, as the text that Rails would send. */
export const says = {
  welcome: (sid: string): string => JSON.stringify({ type: "welcome", sid }),
  unauthorized: '{"type":"disconnect","reason":"unauthorized","reconnect":false}',
  confirm: (identifier: string): string => JSON.stringify({ type: "confirm_subscription", identifier }),
  reject: (identifier: string): string => JSON.stringify({ type: "reject_subscription", identifier }),
} as const;

/** What clients hear of it. */
export const hears = {
  confirm: (identifier: string): object => ({ type: "confirm_subscription", identifier }),
  reject: (identifier: string): object => ({ type: "reject_subscription", identifier }),
} as const;

/** The identifier of a channel of the application. */
export function channel(name: string, params: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({ channel: name, ...params });
}

/** State as it travels. */
export function state(
  cstate: Readonly<Record<string, string>>,
  istate: Readonly<Record<string, string>> = {},
): { readonly cstate: Map<string, string>; readonly istate: Map<string, string> } {
  return { cstate: new Map(Object.entries(cstate)), istate: new Map(Object.entries(istate)) };
}

/** A Ropeway in front of a real application, whose handlers a test sets as it goes. */
export class RpcStage {
  readonly application: Application;
  readonly ropeway: Ropeway;
  readonly #app: GrpcApp;

  private constructor(application: Application, app: GrpcApp, ropeway: Ropeway) {
    this.application = application;
    this.#app = app;
    this.ropeway = ropeway;
    this.reset();
  }

  static async start(flags: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Promise<RpcStage> {
    const application: Application = {};
    const app = await startGrpcApp({ application });
    const ropeway = await startRopeway([`--rpc_host=${app.address}`, ...flags], env);
    return new RpcStage(application, app, ropeway);
  }

  /** Everybody may come in, every subscription is confirmed and hears the stream that is called like its identifier. */
  reset(): void {
    this.application.connect = (_request, { sid }) => ({ identifiers: JSON.stringify({ sid }), transmissions: [says.welcome(sid)] });
    this.application.command = ({ command, identifier }) =>
      command === "subscribe" ? { transmissions: [says.confirm(identifier)], streams: [identifier] } : {};
    this.application.disconnect = () => ({});
  }

  async stop(): Promise<void> {
    await this.ropeway.stop();
    await this.#app.kill();
  }

  /** The application dies. */
  async killApplication(): Promise<void> {
    await this.#app.kill();
  }

  /** Connects and waits for the application's welcome. */
  async connect(
    options?: ConstructorParameters<typeof CableClient>[1],
    query = "",
  ): Promise<{ readonly client: CableClient; readonly sid: string }> {
    const client = new CableClient(`${this.ropeway.cable}${query}`, options);
    const { type, sid } = await client.next();
    if (type !== "welcome" || typeof sid !== "string")
      throw new Error(`expected a welcome with sid, heard ${JSON.stringify({ type, sid })}`);
    return { client, sid };
  }

  /** The calls of one session so far. */
  calls(sid: string): readonly ReceivedCall[] {
    return this.#app.calls.filter((call) => call.sid === sid);
  }

  /** The Command calls of one session so far. */
  commands(sid: string): readonly Extract<ReceivedCall, { method: "Command" }>[] {
    return this.calls(sid).filter((call) => call.method === "Command");
  }

  /** The Connect calls so far, whoever's they are. */
  get connects(): readonly Extract<ReceivedCall, { method: "Connect" }>[] {
    return this.#app.calls.filter((call) => call.method === "Connect");
  }

  /** The Disconnect calls so far, whoever's they are. */
  get disconnects(): readonly Extract<ReceivedCall, { method: "Disconnect" }>[] {
    return this.#app.calls.filter((call) => call.method === "Disconnect");
  }

  /** Looks at counters before and after. */
  async counting(...names: readonly string[]): Promise<() => Promise<Readonly<Record<string, number>>>> {
    const read = async (): Promise<readonly number[]> => Promise.all(names.map((name) => this.ropeway.metric(`anycable_go_${name}`)));
    const before = await read();
    return async () => {
      const after = await read();
      return Object.fromEntries(names.map((name, at) => [name, after[at]! - before[at]!]));
    };
  }

  /** Nobody is connected, nothing is subscribed, no call waits. */
  async isEmpty(): Promise<void> {
    for (const gauge of ["clients_num", "clients_uniq_num", "broadcast_streams_num", "rpc_pending_num", "disconnect_queue_size"]) {
      await this.ropeway.metricBecomes(`anycable_go_${gauge}`, 0);
    }
  }
}

export { Status };
