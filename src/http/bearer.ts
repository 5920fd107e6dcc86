import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";

/**
 * Checks `Authorization: Bearer <key>`. The time it takes says nothing about the key, its length included: digests are compared.
 * @throws {RangeError} for an empty key, which would let everybody in. Leave the check out instead.
 */
export function bearerCheck(key: string): (request: IncomingMessage) => boolean {
  if (key === "") throw new RangeError("A bearer key can't be empty.");
  const expected = digest(key);
  return ({ headers: { authorization } }) => {
    const given = authorization === undefined ? undefined : /^bearer +(.*)$/is.exec(authorization)?.[1];
    return given !== undefined && timingSafeEqual(digest(given), expected);
  };
}

// Header values arrive one character per byte.
function digest(text: string): Buffer {
  return createHash("sha256").update(text, "latin1").digest();
}
