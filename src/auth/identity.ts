import type { Handshake } from "../transports/transport.ts";

/**
 * PORT: who is it? Answered from the handshake alone, without asking the application. Several may be asked in turn; the first that
 * knows decides, and when none does the application is asked.
 */
export interface Identity {
  /**
   * MUST NOT throw or reject: credentials that can't be read are rejected. Answers at once where it can; a promise MUST settle within
   * seconds, whatever it waits for, because the client waits as long. Secrets and tokens MUST NOT come back in `why`.
   */
  identify(handshake: Handshake, sid: string): IdentityAnswer | Promise<IdentityAnswer>;
  /** Makes it ready before the first client is asked about. A local fault rejects; a remote one is retried in the background. */
  start?(): Promise<void>;
  stop?(): Promise<void>;
}

export type IdentityAnswer =
  /** `identifiers` is what the application would have returned from its Connect call. */
  /**
   * `isProven`: they come from credentials, so that only who shows the same may go on with a session of theirs. Otherwise, which is the
   * default, whoever knows the session's id may.
   */
  | { readonly status: "accepted"; readonly identifiers: string; readonly isProven?: boolean | undefined }
  /** `reason` goes into the disconnect notice, `why` into the log. The client is told not to come back with the same credentials. */
  | { readonly status: "rejected"; readonly reason: "unauthorized" | "token_expired"; readonly why: string }
  /** Nothing here speaks for or against the client. */
  | { readonly status: "unknown" }
  /** There are credentials, but they can't be judged now: the client may try again later. `why` is for the log. */
  | { readonly status: "unavailable"; readonly why: string };
