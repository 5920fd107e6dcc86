// What the tests use of @anycable/serverless-js. Its own types import folders, which the compiler does not do for Node.js.

declare module "@anycable/serverless-js" {
  type Identifiers = Readonly<Record<string, unknown>>;

  export class ConnectionHandle {
    readonly env: { readonly url: string; readonly headers?: Readonly<Record<string, string>> };
    readonly identifiers: Identifiers | null;
    reject(): this;
    identifiedBy(identifiers: Identifiers): this;
  }

  export class ChannelHandle {
    readonly identifier: string;
    readonly identifiers: Identifiers | null;
    /** null until it is set. */
    state: Readonly<Record<string, unknown>> | null;
    reject(): this;
    streamFrom(stream: string): this;
    stopAllStreams(): this;
    transmit(message: unknown): this;
  }

  /** Every other method of a class made from it is an action. */
  export class Channel {
    subscribed(handle: ChannelHandle, params: Readonly<Record<string, string>>): Promise<void>;
    unsubscribed(handle: ChannelHandle, params: Readonly<Record<string, string>>): Promise<void>;
  }

  export class Application {
    registerChannel(name: string, channel: Channel): void;
    connect(handle: ConnectionHandle): Promise<void>;
    disconnect(handle: ConnectionHandle): Promise<void>;
  }

  /** The answer to a call, as an object to be printed. */
  export function handler(request: Request, application: Application): Promise<object>;

  export function identificator(
    secret: string,
    expiresIn: string,
  ): { readonly generateToken: (identifiers: Identifiers) => Promise<string> };
}
