import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { request, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

/** What the server made of a request to become a WebSocket. */
export interface UpgradeAnswer {
  /** 101 when it agreed. */
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The connection, paused; already closed when the server refused. */
  readonly socket: Duplex;
}

/**
 * Asks for an upgrade in whatever way the headers say; those of a proper handshake are the default, and `undefined` leaves one out. For
 * what a WebSocket client would not send, or would not put up with in the answer.
 */
export async function askUpgrade(
  url: string,
  headers: Readonly<Record<string, string | undefined>> = {},
  method = "GET",
): Promise<UpgradeAnswer> {
  const asked = request(url.replace(/^ws/, "http"), { method, agent: false });
  const all = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-key": randomBytes(16).toString("base64"),
    "sec-websocket-version": "13",
    ...headers,
  };
  for (const [name, value] of Object.entries(all)) if (value !== undefined) asked.setHeader(name, value);
  const answered = new Promise<UpgradeAnswer>((resolve, reject) => {
    asked.on("error", reject);
    asked.on("upgrade", (response, socket, head) => {
      socket.on("error", () => {});
      if (head.length > 0) socket.unshift(head);
      resolve({ status: 101, headers: response.headers, socket });
    });
    asked.on("response", (response: IncomingMessage) => {
      response.resume();
      void once(response, "close").then(() =>
        resolve({ status: response.statusCode!, headers: response.headers, socket: response.socket }),
      );
    });
  });
  asked.end();
  return answered;
}

/** The first message of a connection just made, as text. It must be shorter than 126 bytes, as every greeting is. */
export async function firstText(socket: Duplex): Promise<string> {
  let bytes = Buffer.alloc(0);
  for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes = Buffer.concat([bytes, chunk]);
    if (bytes.length >= 2 && bytes.length >= 2 + bytes[1]!) break;
  }
  if (bytes[0] !== 0x81) throw new Error(`expected a text message, heard ${bytes.toString("hex")}`);
  return bytes.subarray(2, 2 + bytes[1]!).toString();
}
