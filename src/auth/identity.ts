import type { Handshake } from "../transports/transport.ts";

/**
 * PORT: who is it? Answered from the handshake alone, without asking the application. Several may be asked in turn; the first that
 * knows decides, and when none does the application is asked.
 */
export interface Identity {
  /** MUST NOT throw: credentials that can't be read are rejected. */
  identify(handshake: Handshake, sid: string): IdentityAnswer;
}

export type IdentityAnswer =
  /** `identifiers` is what the application would have returned from its Connect call. */
  | { readonly status: "accepted"; readonly identifiers: string }
  /** `reason` goes into the disconnect notice. */
  | { readonly status: "rejected"; readonly reason: "unauthorized" }
  /** Nothing here speaks for or against the client. */
  | { readonly status: "unknown" };
