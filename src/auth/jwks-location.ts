import { readFile } from "node:fs/promises";

/** Where a JWK Set is read from. */
export interface JwksLocation {
  readonly isFile: boolean;
  /** For logs and pages: has no secrets. */
  readonly display: string;
  /** The text of the set. @throws {Error} that says in a few words why it can't be had. */
  read(signal: AbortSignal): Promise<string>;
}

/** Far more than any set of keys has. */
const MOST_BYTES = 1024 * 1024;

export function isUrl(location: string): boolean {
  return /^https?:\/\//iu.test(location);
}

export function fileLocation(path: string): JwksLocation {
  return { isFile: true, display: path, read: (signal) => readFile(path, { encoding: "utf8", signal }) };
}

/** Redirects are not followed: whoever can redirect could name the keys. */
export function urlLocation(url: string): JwksLocation {
  const { origin, pathname } = new URL(url);
  return {
    isFile: false,
    display: origin + pathname,
    async read(signal) {
      try {
        return await textOf(
          await fetch(url, { signal, redirect: "manual", headers: { accept: "application/jwk-set+json, application/json" } }),
        );
      } catch (error) {
        throw reasonOf(error);
      }
    },
  };
}

async function textOf(response: Response): Promise<string> {
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel();
    throw new Error(`it answered with status ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.byteLength;
    if (bytes > MOST_BYTES) throw new Error(`it has more than ${MOST_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** `fetch failed` alone helps nobody: the reason is its cause, or the first of several when a name has several addresses. */
function reasonOf(error: unknown): unknown {
  const cause = error instanceof TypeError ? (error.cause ?? error) : error;
  return cause instanceof AggregateError ? (cause.errors[0] ?? cause) : cause;
}
