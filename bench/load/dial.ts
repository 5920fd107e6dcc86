import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Endpoint } from "./plan.ts";

/** Bytes from the network, the first `length` of them; valid during the call only. */
type Received = (bytes: Buffer, length: number) => void;

// One read buffer for all plain sockets: a chunk is dealt with before libuv reads the next one, whoever it is for.
const chunk = Buffer.allocUnsafe(256 * 1024);

/** Connects; what is written meanwhile waits. */
export function dial({ port, isTls = false }: Endpoint, received: Received): Socket {
  const place = { host: "127.0.0.1", port };
  const socket = isTls
    ? connectTls({ ...place, rejectUnauthorized: false }).on("data", (bytes: Buffer) => received(bytes, bytes.length))
    : connect({ ...place, onread: { buffer: chunk, callback: (length) => (received(chunk, length), true) } });
  socket.setNoDelay(true);
  return socket;
}
