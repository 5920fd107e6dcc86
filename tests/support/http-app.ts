import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { Refusal, type Application, type IncomingCall } from "./application.ts";
import { decode, isCommand, print, type Call } from "./http-app-messages.ts";

export interface HttpAppOptions {
  readonly application?: Application;
  /** The key that callers must show. Default: none is asked for. */
  readonly key?: string;
  /** Where it is mounted. Default `/_anycable`. */
  readonly path?: string;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: any free one. */
  readonly port?: number;
  /** PEM texts; without them the server speaks plain text. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/**
 * A real HTTP server that answers as AnyCable's Rack application does (lib/anycable/httrpc/server.rb of its 1.6.4): the same checks in the
 * same order with the same words, the same middleware, and answers as Ruby's protobuf prints them, without what is empty.
 */
export interface HttpApp {
  readonly port: number;
  /** For `rpc_host`. */
  readonly url: string;
  /** The calls that have arrived, in order. */
  readonly calls: readonly ReceivedHttpCall[];
  /** Connections that clients hold at the moment, and how many there have been. */
  connections(): number;
  accepted(): number;
  /** Closes the connections without calls, as servers do after a while. */
  closeIdle(): void;
  /** Drops everything, as a process does that dies. */
  kill(): Promise<void>;
}

export type ReceivedHttpCall = IncomingCall & { readonly headers: IncomingMessage["headers"]; readonly path: string } & Call;

const statusOfRefusal = { unavailable: 503, exhausted: 429, unauthenticated: 401, unknown: 500 } as const;

export async function startHttpApp(options: HttpAppOptions = {}): Promise<HttpApp> {
  const { application = {}, key, path = "/_anycable", host = "127.0.0.1", port = 0, tls } = options;
  const calls: ReceivedHttpCall[] = [];
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    void answer(request, response, { application, key, path, calls }).then(
      ([status, body]) => response.writeHead(status).end(body),
      (error: unknown) => response.writeHead(500, { "content-type": "text/html" }).end(`<h1>${String(error)}</h1>`),
    );
  };
  const server: Server = tls ? createTlsServer(tls, serve) : createServer(serve);
  const sockets = new Set<Socket>();
  let accepted = 0;
  server.on(tls ? "secureConnection" : "connection", (socket: Socket) => {
    accepted++;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  server.listen(port, host);
  await once(server, "listening");
  const { port: bound } = server.address() as AddressInfo;
  return {
    port: bound,
    url: `${tls ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${bound}${path}`,
    calls,
    connections: () => sockets.size,
    accepted: () => accepted,
    closeIdle: () => server.closeIdleConnections(),
    async kill() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

type Reply = readonly [status: number, body: string | Uint8Array];

/** What `AnyCable::HTTRPC::Server#call` does. */
async function answer(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  app: { readonly application: Application; readonly key: string | undefined; readonly path: string; readonly calls: ReceivedHttpCall[] },
): Promise<Reply> {
  const { application, key, path } = app;
  const [pathname] = incoming.url!.split("?", 1);
  if (incoming.method !== "POST" || !pathname!.startsWith(path)) return [404, "Not found"];
  if (key !== undefined && incoming.headers.authorization !== `Bearer ${key}`) return [401, "Unauthorized"];
  const command = pathname!.slice(path.length).replace(/^\//u, "");
  if (!isCommand(command)) return [404, "Not found"];
  const body = await textOf(incoming);
  if (body === "") return [422, "Empty request body"];
  let call: Call;
  try {
    call = decode(command, body);
  } catch (error) {
    return [422, `Invalid request body: ${error instanceof Error ? error.message : String(error)}`];
  }
  const canceled = new AbortController();
  outgoing.once("close", () => {
    if (!outgoing.writableEnded) canceled.abort();
  });
  const meta: IncomingCall = {
    sid: String(incoming.headers["x-anycable-meta-sid"] ?? ""),
    protov: String(incoming.headers["x-anycable-meta-protov"] ?? ""),
    traceparent: String(incoming.headers["traceparent"] ?? ""),
    tracestate: String(incoming.headers["tracestate"] ?? ""),
    canceled: canceled.signal,
  };
  app.calls.push({ ...call, ...meta, headers: incoming.headers, path: incoming.url! });
  try {
    if (!meta.protov.split(",").includes("v1")) throw new Error("Incompatible AnyCable RPC client.");
    const sent = (await handle(application, call, meta)) ?? {};
    return [200, sent instanceof Uint8Array ? sent : print({ status: 1, ...sent })];
  } catch (error) {
    if (error instanceof Refusal) return [statusOfRefusal[error.kind], error.message];
    return [200, print({ errorMsg: error instanceof Error ? error.message : String(error) })];
  }
}

function handle(application: Application, { method, request }: Call, meta: IncomingCall): unknown {
  switch (method) {
    case "Connect":
      return application.connect?.(request, meta);
    case "Command":
      return application.command?.(request, meta);
    case "Disconnect":
      return application.disconnect?.(request, meta);
  }
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
}
