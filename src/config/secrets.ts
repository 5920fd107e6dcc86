import { createHmac } from "node:crypto";
import { CableError } from "../errors.ts";

/** What AnyCable and the application's libraries derive their keys with. */
export type KeyPhrase = "broadcast-cable" | "rpc-cable" | "api-cable";

/**
 * A key that follows from the application's secret, so that both sides know it without being told.
 * @throws {CableError} `config.invalid_value` for an empty secret, whose keys everybody could derive.
 */
export function deriveKey(secret: string, phrase: KeyPhrase): string {
  if (secret === "") throw new CableError("config.invalid_value", "a secret that keys are derived from can't be empty");
  return createHmac("sha256", secret).update(phrase).digest("hex");
}

/** `none` says that there is no secret, and must not be taken for one. */
export function realSecret(text: string): string | undefined {
  return text === "" || text === "none" ? undefined : text;
}
