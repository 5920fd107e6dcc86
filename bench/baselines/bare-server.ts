import { createServer, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";

export interface Stream {
  readonly identifier: string;
  readonly sockets: Duplex[];
}

/** Hands a publication's frame to the sockets of its stream. */
export type Deliver = (stream: Stream, frame: Buffer) => void;

const PING_INTERVAL_MS = 3_000;
const PING_SLOTS = 60;

/**
 * The least that `http` and `ws` can do: the Action Cable handshake, pings, and each publication framed once for all. No checks, no limits,
 * no back-pressure. Listens on the port that is the program's first argument, until SIGTERM.
 */
export function serveBare(deliver: Deliver): void {
  const streams = new Map<string, Stream>();
  const sockets: Duplex[] = [];
  const websockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    clientTracking: false,
    handleProtocols: () => "actioncable-v1-json",
  });

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => publish(Buffer.concat(chunks).toString(), response));
  });
  server.on("upgrade", (request, socket, head) => {
    websockets.handleUpgrade(request, socket, head, (websocket) => open(websocket, socket));
  });

  function open(websocket: WebSocket, socket: Duplex): void {
    sockets.push(socket);
    websocket.on("error", () => websocket.terminate());
    websocket.on("close", () => {
      remove(sockets, socket);
      for (const stream of streams.values()) remove(stream.sockets, socket);
    });
    websocket.on("message", (data: Buffer) => {
      const { identifier } = JSON.parse(data.toString()) as { readonly identifier: string };
      const { stream_name: name } = JSON.parse(identifier) as { readonly stream_name: string };
      const stream = streams.get(name) ?? { identifier, sockets: [] };
      streams.set(name, stream);
      stream.sockets.push(socket);
      websocket.send(JSON.stringify({ type: "confirm_subscription", identifier }));
    });
    websocket.send(JSON.stringify({ type: "welcome", sid: String(sockets.length) }));
  }

  function publish(body: string, response: ServerResponse): void {
    const { stream: name, data } = JSON.parse(body) as { readonly stream: string; readonly data: string };
    response.writeHead(201).end();
    const stream = streams.get(name);
    if (stream !== undefined) deliver(stream, frame(`{"identifier":${JSON.stringify(stream.identifier)},"message":${data}}`));
  }

  // Every client hears a ping every 3 s, as from the servers beside us; a sixtieth of them at a time.
  let slot = 0;
  setInterval(() => {
    const ping = frame(JSON.stringify({ type: "ping", message: Math.floor(Date.now() / 1_000) }));
    for (let i = slot; i < sockets.length; i += PING_SLOTS) sockets[i]?.write(ping);
    slot = (slot + 1) % PING_SLOTS;
  }, PING_INTERVAL_MS / PING_SLOTS);

  process.on("SIGTERM", () => process.exit(0));
  server.listen(Number(process.argv[2]), "127.0.0.1");
}

function remove(sockets: Duplex[], socket: Duplex): void {
  const at = sockets.indexOf(socket);
  if (at >= 0) sockets.splice(at, 1);
}

function frame(text: string): Buffer {
  const payload = Buffer.from(text);
  const size = payload.length;
  return Buffer.concat([Buffer.from(size < 126 ? [0x81, size] : [0x81, 126, size >> 8, size & 0xff]), payload]);
}
