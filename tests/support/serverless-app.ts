import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Application, Channel, handler, type ChannelHandle, type ConnectionHandle } from "@anycable/serverless-js";

export interface ServerlessAppOptions {
  /** The key that callers must show; the library leaves that to the application. */
  readonly key: string;
}

/** An application as people write them with @anycable/serverless-js, served by node:http. */
export interface ServerlessApp {
  /** For `rpc_host`. */
  readonly url: string;
  /** What its callbacks were called with, in order. */
  readonly events: readonly (readonly [event: string, ...details: readonly unknown[]])[];
  close(): Promise<void>;
}

type Params = Readonly<Record<string, string>>;

export async function startServerlessApp({ key }: ServerlessAppOptions): Promise<ServerlessApp> {
  const events: [string, ...unknown[]][] = [];

  class ChatChannel extends Channel {
    override async subscribed(handle: ChannelHandle, params: Params): Promise<void> {
      events.push(["subscribed", handle.identifiers?.["name"], params["room"]]);
      if (params["room"] === "locked") handle.reject();
      else handle.streamFrom(`room/${params["room"]}`);
    }

    override async unsubscribed(handle: ChannelHandle, params: Params): Promise<void> {
      events.push(["unsubscribed", handle.identifiers?.["name"], params["room"]]);
      handle.stopAllStreams();
    }

    async count(handle: ChannelHandle): Promise<void> {
      const count = Number(handle.state?.["count"] ?? 0) + 1;
      handle.state = { count };
      handle.transmit({ count });
    }

    async breakDown(): Promise<void> {
      throw new Error("out of order");
    }
  }

  class ChatApplication extends Application {
    override async connect(handle: ConnectionHandle): Promise<void> {
      const name = new URL(handle.env.url).searchParams.get("name");
      events.push(["connect", name, handle.env.headers?.["cookie"]]);
      if (name === null) handle.reject();
      else handle.identifiedBy({ name });
    }

    override async disconnect(handle: ConnectionHandle): Promise<void> {
      events.push(["disconnect", handle.identifiers?.["name"]]);
    }
  }

  const application = new ChatApplication();
  application.registerChannel("ChatChannel", new ChatChannel());

  async function answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    if (incoming.headers.authorization !== `Bearer ${key}`) {
      response.writeHead(401).end("Unauthorized");
      return;
    }
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk as Buffer);
      const headers = { "x-anycable-meta-sid": String(incoming.headers["x-anycable-meta-sid"]) };
      const request = new Request(`http://localhost${incoming.url}`, { method: "POST", headers, body: Buffer.concat(chunks) });
      const answered = await handler(request, application);
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answered));
    } catch (error) {
      // As the frameworks do that it is made for.
      response.writeHead(500).end(error instanceof Error ? error.message : String(error));
    }
  }

  const server = createServer((incoming, response) => void answer(incoming, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/anycable`,
    events,
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
