import { isUtf8 } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";

export type Body = { readonly text: string } | { readonly refused: BodyRefusal };

/** `aborted`: the client went away; there is nobody to answer. */
export type BodyRefusal = "too_large" | "encoded" | "not_utf8" | "aborted";

/**
 * Reads a request's body as UTF-8 text and keeps at most `limitBytes` of it in memory: what is over the limit is refused as soon as that
 * is known, by its declared length or by counting. Never rejects.
 */
export function readText(request: IncomingMessage, limitBytes: number): Promise<Body> {
  const { "content-length": declared, "content-encoding": encoding = "identity" } = request.headers;
  if (declared !== undefined && Number(declared) > limitBytes) return Promise.resolve({ refused: "too_large" });
  if (encoding.trim().toLowerCase() !== "identity") return Promise.resolve({ refused: "encoded" });
  return new Promise((resolve) => {
    let chunks: Buffer[] = [];
    let sizeBytes = 0;
    request.on("data", (chunk: Buffer) => {
      sizeBytes += chunk.length;
      if (sizeBytes <= limitBytes) {
        chunks.push(chunk);
      } else {
        chunks = [];
        resolve({ refused: "too_large" });
      }
    });
    request.on("end", () => {
      const bytes = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
      resolve(isUtf8(bytes) ? { text: bytes.toString() } : { refused: "not_utf8" });
    });
    // After `end`, or after the other refusals, these change nothing.
    request.on("error", () => resolve({ refused: "aborted" }));
    request.on("close", () => resolve({ refused: "aborted" }));
  });
}

/**
 * Ends a response to a request whose body was not read. What still comes is thrown away first: closing at once would reset the connection,
 * and a client that is still sending would never see the answer. The listener's request timeout bounds the wait.
 */
export function endUnread(request: IncomingMessage, response: ServerResponse, text: string): void {
  if (request.complete) {
    response.end(text);
    return;
  }
  response.write(text);
  request.once("close", () => response.end());
  request.resume();
}
