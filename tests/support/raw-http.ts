import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";

/** A TCP server that says what a test tells it to whoever sends it a request, and hears everything. */
export interface RawHttp {
  readonly port: number;
  /** For `rpc_host`. */
  readonly url: string;
  /** Requests, in order: `connection` counts from 1, `nth` is the request's place on it. */
  readonly requests: readonly RawRequest[];
  close(): Promise<void>;
}

export interface RawRequest {
  readonly connection: number;
  readonly nth: number;
  readonly head: string;
  readonly body: string;
  readonly socket: Socket;
}

/** `respond` is called for each request when all of it is there. */
export async function startRawHttp(respond: (request: RawRequest) => void): Promise<RawHttp> {
  const requests: RawRequest[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    const connection = ++connections;
    let nth = 0;
    let heard = "";
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      heard += chunk.toString("latin1");
      const end = heard.indexOf("\r\n\r\n");
      const length = Number(/^content-length: (\d+)\r?$/im.exec(heard)?.[1] ?? 0);
      if (end === -1 || heard.length < end + 4 + length) return;
      const head = heard.slice(0, end);
      const body = Buffer.from(heard.slice(end + 4, end + 4 + length), "latin1").toString();
      heard = heard.slice(end + 4 + length);
      const request = { connection, nth: ++nth, head, body, socket };
      requests.push(request);
      respond(request);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    requests,
    async close() {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** An HTTP answer as it goes over the wire. */
export function rawAnswer(status: number, body: string | Buffer, headers: Readonly<Record<string, string>> = {}): Buffer {
  const bytes = Buffer.from(body);
  const lines = Object.entries({ "Content-Length": String(bytes.length), ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`HTTP/1.1 ${status} Whatever\r\n${lines.join("")}\r\n`), bytes]);
}

/** What an application that agrees with everything answers. */
export const yes: Buffer = rawAnswer(200, '{"status":1}');
