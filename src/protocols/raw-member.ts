/**
 * The JSON text of a member of an object as it stands in `json`, digits and order of keys included; of a repeated one the last, which is the
 * one that JSON.parse takes. `json` MUST be valid JSON text of an object. undefined when it has no such member.
 */
export function rawMember(json: string, name: string): string | undefined {
  let found: string | undefined;
  let at = json.indexOf("{");
  for (;;) {
    const keyAt = afterSpace(json, at + 1);
    // An empty object.
    if (json[keyAt] !== '"') return found;
    const keyEnd = stringEnd(json, keyAt);
    const valueAt = afterSpace(json, afterSpace(json, keyEnd) + 1);
    const valueEnd = endOf(json, valueAt);
    if (isKey(json.slice(keyAt, keyEnd), name)) found = json.slice(valueAt, valueEnd);
    at = afterSpace(json, valueEnd);
    if (json[at] !== ",") return found;
  }
}

/** `key` as it is written, quotes included: a letter may be written as an escape. */
function isKey(key: string, name: string): boolean {
  return key === `"${name}"` || (key.includes("\\") && JSON.parse(key) === name);
}

function afterSpace(json: string, at: number): number {
  while (" \t\n\r".includes(json[at] ?? "x")) at++;
  return at;
}

function endOf(json: string, at: number): number {
  const first = json[at];
  if (first === '"') return stringEnd(json, at);
  if (first === "{" || first === "[") return nestedEnd(json, at);
  // A number, or a word.
  while (!", \t\n\r}]".includes(json[at] ?? "}")) at++;
  return at;
}

function stringEnd(json: string, at: number): number {
  for (at++; json[at] !== '"'; at++) if (json[at] === "\\") at++;
  return at + 1;
}

/** Objects and arrays end where as many have been closed as opened; which kind each is does not matter in valid text. */
function nestedEnd(json: string, at: number): number {
  let depth = 0;
  do {
    const character = json[at];
    if (character === "{" || character === "[") depth++;
    else if (character === "}" || character === "]") depth--;
    at = character === '"' ? stringEnd(json, at) : at + 1;
  } while (depth > 0);
  return at;
}
