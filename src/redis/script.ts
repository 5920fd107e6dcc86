import { createHash } from "node:crypto";

/** A Lua script, which Redis keeps under the SHA-1 of its text. */
export class RedisScript {
  readonly text: string;
  readonly sha: string;

  constructor(text: string) {
    this.text = text;
    this.sha = createHash("sha1").update(text).digest("hex");
  }

  /** What to send to a server that has it. */
  bySha(keys: readonly string[], args: readonly string[]): readonly string[] {
    return ["EVALSHA", this.sha, String(keys.length), ...keys, ...args];
  }

  /** What to send to one that has not: it has it afterwards. */
  byText(keys: readonly string[], args: readonly string[]): readonly string[] {
    return ["EVAL", this.text, String(keys.length), ...keys, ...args];
  }
}

/** The server was restarted since it was told the script, or made to forget it. */
export function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("NOSCRIPT");
}
