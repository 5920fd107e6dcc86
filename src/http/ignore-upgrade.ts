import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";

/**
 * Serves a request that offers an upgrade as if it did not, which RFC 9110 §7.8 allows and Go does: some clients (Java's) offer h2c
 * with every plain request. Node has let go of the socket by now, so it gets it once more, with the head rewritten and read again.
 */
export function ignoreUpgrade(server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  let text = `${request.method} ${request.url} HTTP/${request.httpVersion}\r\n`;
  const { rawHeaders } = request;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!;
    let value = rawHeaders[at + 1]!;
    const lowerCase = name.toLowerCase();
    if (lowerCase === "upgrade") continue;
    if (lowerCase === "connection") {
      value = value
        .split(",")
        .filter((token) => token.trim().toLowerCase() !== "upgrade")
        .join(",");
      if (value === "") continue;
    }
    text += `${name}: ${value}\r\n`;
  }
  socket.unshift(Buffer.concat([Buffer.from(`${text}\r\n`, "latin1"), head]));
  server.emit(socket instanceof TLSSocket ? "secureConnection" : "connection", socket);
}
