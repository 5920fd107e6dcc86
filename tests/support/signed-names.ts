import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";

/** Signed names of streams that other implementations made; see the README beside them. */
export interface ForeignNames {
  readonly secret: string;
  readonly names: readonly { readonly by: string; readonly name: string; readonly signed: string }[];
  readonly refused: readonly { readonly by: string; readonly what: string; readonly signed: string }[];
}

export const foreignNames: ForeignNames = JSON.parse(
  readFileSync(new URL("../fixtures/signed/names.json", import.meta.url), "utf8"),
) as ForeignNames;

/** One of them, by the beginning of its maker's name. */
export function nameBy(maker: string, name?: string): { readonly name: string; readonly signed: string } {
  const found = foreignNames.names.find((made) => made.by.startsWith(maker) && (name === undefined || made.name === name));
  if (found === undefined) throw new Error(`no name by ${maker}`);
  return found;
}

/** Signs whatever stands for the payload. */
export function sign(payload: string, secret: string = foreignNames.secret): string {
  return `${payload}--${createHmac("sha256", secret).update(payload).digest("hex")}`;
}

/** A signed name, as AnyCable's libraries make them. */
export function signedName(name: unknown, secret?: string): string {
  return sign(Buffer.from(JSON.stringify(name)).toString("base64"), secret);
}
