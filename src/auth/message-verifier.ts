import { createHmac, createSecretKey, timingSafeEqual } from "node:crypto";
import { CableError } from "../errors.ts";

/** The name of a stream that somebody with the secret has signed. `why` not is for the log. */
export type SignedName = { readonly stream: string } | { readonly why: string };

/**
 * Reads signed stream names: `base64(JSON string)--hex(HMAC-SHA256(secret, base64))`. Source: AnyCable 1.6.16; the same is made by
 * Rails' `ActiveSupport::MessageVerifier` with digest SHA256 and serializer JSON, by Turbo and by CableReady. Both alphabets of base64 are
 * taken, with or without padding, because the Ruby libraries use the URL-safe one (whose `--` is why the last one separates).
 *
 * @param secrets tried in turn, so that a secret can be replaced while pages with old names are open
 * @throws {CableError} `config.invalid_value` when there is no secret, or an empty one: everybody could sign with that.
 */
export function nameVerifier(secrets: readonly string[]): (signed: string) => SignedName {
  if (secrets.length === 0 || secrets.includes("")) {
    throw new CableError("config.invalid_value", "a secret that verifies the names of streams can't be empty");
  }
  const keys = secrets.map((secret) => createSecretKey(Buffer.from(secret)));
  return (signed) => {
    const separator = signed.lastIndexOf("--");
    if (separator < 0) return { why: "it is not signed" };
    const payload = signed.slice(0, separator);
    const signature = signed.slice(separator + 2);
    if (!/^[0-9a-f]{64}$/u.test(signature)) return { why: "its signature is malformed" };
    const given = Buffer.from(signature, "hex");
    const isGenuine = keys.some((key) => timingSafeEqual(given, createHmac("sha256", key).update(payload).digest()));
    if (!isGenuine) return { why: "its signature is wrong" };
    const stream = textIn(payload);
    if (typeof stream !== "string" || stream === "") return { why: "what is signed is no name: a JSON string that is not empty is needed" };
    return { stream };
  };
}

/**
 * Signs the name of a stream, for a page to subscribe with, as AnyCable's and Turbo's libraries do; see nameVerifier for the format.
 * @throws {CableError} `config.invalid_value` for an empty name or secret: nobody could subscribe, or everybody could sign.
 */
export function signedName(stream: string, secret: string): string {
  if (stream === "" || secret === "") {
    throw new CableError("config.invalid_value", "neither the name of a stream nor the secret that signs it can be empty");
  }
  const payload = Buffer.from(JSON.stringify(stream)).toString("base64");
  return `${payload}--${createHmac("sha256", secret).update(payload).digest("hex")}`;
}

/** What was signed; undefined when it is no JSON. Rails' metadata (`expires_in`, `purpose`) makes it an object, and so no name. */
function textIn(payload: string): unknown {
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/u.test(payload)) return undefined;
  try {
    return JSON.parse(Buffer.from(payload, "base64").toString());
  } catch {
    return undefined;
  }
}
