import { channelApp, type Channel } from "./channel-app.ts";
import { startGrpcApp, type GrpcApp } from "./grpc-app.ts";
import { startRopeway, type Ropeway } from "./ropeway.ts";

/** A chat as people build them: an application with one channel, and a Ropeway in front of it that can go away and come back. */
export class ChatStage {
  readonly app: GrpcApp;
  readonly #flags: readonly string[];
  #ropeway: Ropeway;
  /** Subscribe calls wait for it. */
  beforeSubscribing: Promise<void> = Promise.resolve();

  private constructor(app: GrpcApp, flags: readonly string[], ropeway: Ropeway) {
    this.app = app;
    this.#flags = flags;
    this.#ropeway = ropeway;
  }

  static async start(...flags: readonly string[]): Promise<ChatStage> {
    let stage: ChatStage | undefined = undefined;
    const room: Channel = {
      async subscribed(call) {
        await stage!.beforeSubscribing;
        if (call.params["room"] === "locked") call.reject();
        else call.streamFrom(`room/${call.params["room"]}`, { whisper: true });
      },
      actions: {
        async speak(call, { text }) {
          await call.broadcast(`room/${call.params["room"]}`, { text, by: call.url.searchParams.get("user") });
        },
        echo: (call, { text }) => call.transmit({ text, by: "echo" }),
      },
    };
    const application = channelApp({
      connect: ({ url }) => {
        const user = url.searchParams.get("user");
        return user === null ? undefined : { user };
      },
      channels: { RoomChannel: room },
      broadcast: (stream, message) => stage!.publish(stream, message),
    });
    const app = await startGrpcApp({ application });
    const all = [`--rpc_host=${app.address}`, "--ping_interval=1", ...flags];
    stage = new ChatStage(app, all, await startRopeway(all));
    return stage;
  }

  get ropeway(): Ropeway {
    return this.#ropeway;
  }

  /** Where this user connects; nobody, when no name is given. */
  url(user?: string): string {
    return user === undefined ? this.#ropeway.cable : `${this.#ropeway.cable}?user=${user}`;
  }

  async publish(stream: string, message: unknown): Promise<void> {
    const status = await this.#ropeway.publish({ stream, data: JSON.stringify(message) });
    if (status !== 201) throw new Error(`a publication was answered ${status}`);
  }

  /** The application closes a user's connections; `reconnect` is what the clients are told. */
  async disconnect(user: string, reconnect: boolean): Promise<void> {
    await this.#ropeway.publish({ command: "disconnect", payload: { identifier: JSON.stringify({ user }), reconnect } });
  }

  /** Ropeway ends by this signal, and another takes its place. */
  async restart(signal: NodeJS.Signals): Promise<void> {
    const { port } = this.#ropeway;
    await this.#ropeway.stop(signal);
    this.#ropeway = await startRopeway([...this.#flags, `--port=${port}`]);
  }

  async stop(): Promise<void> {
    await this.#ropeway.stop();
    await this.app.kill();
  }
}
