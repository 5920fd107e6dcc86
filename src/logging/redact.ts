/** What stands where a secret stood. */
export const redacted = "[redacted]";

/** Longest text that is searched for secrets, in characters; what follows is cut off, so nothing goes out unsearched. */
const maxSearched = 16_384;

const secretPart = /secret|token|passw(?:or)?d|passphrase|authorization|cookie|credential|api[-_]?key/i;
/** Too short to be looked for inside other words. */
const secretWord = /(?:^|[^a-z])(?:jid|jwt)(?:$|[^a-z])/;

/** Whether a field, header or query parameter of this name holds something that must not be printed. */
export function isSecretName(name: string): boolean {
  return secretPart.test(name) || secretWord.test(name.replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2").toLowerCase());
}

// Every repetition is bounded or can't overlap with what follows it, so that no text makes these slow.
const urlCredentials = /\b([a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/?#]{0,2048}@/gi;
const queryParameter = /([?&;]([\w.~%[\]-]{1,64})=)([^&;#\s"'<>]+)/g;
const bearer = /\b(bearer\s+)[\w.~+/=-]{4,}/gi;
const jwt = /\beyJ[\w-]{4,}\.[\w-]+\.[\w-]*/g;
/** Of a signed stream name: without it the name opens nothing. */
const signature = /--[0-9a-f]{64}\b/g;

/**
 * The second line of defence: nobody is to log a secret, and when it happens all the same, these forms are masked: credentials in URLs,
 * query parameters with a telling name (`jid=`, `token=`), bearer tokens, JWTs, signatures of stream names.
 */
export function redactText(text: string): string {
  let safe = text.length > maxSearched ? text.slice(0, maxSearched) : text;
  if (safe.includes("://")) safe = safe.replaceAll(urlCredentials, `$1${redacted}@`);
  if (safe.includes("=")) {
    safe = safe.replaceAll(queryParameter, (whole, start: string, name: string) =>
      isSecretName(decoded(name)) ? `${start}${redacted}` : whole,
    );
  }
  return safe.replaceAll(bearer, `$1${redacted}`).replaceAll(jwt, redacted).replaceAll(signature, `--${redacted}`);
}

/** `%6Aid` is read as `jid` by whoever receives it, so it is one. */
function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
