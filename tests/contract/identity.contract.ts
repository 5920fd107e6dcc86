import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import type { Identity, IdentityAnswer } from "../../src/auth/identity.ts";
import type { Handshake } from "../../src/transports/transport.ts";
import { handshakeOf } from "../support/handshake.ts";

export interface IdentityUnderTest {
  readonly identity: Identity;
  /** Whether it looks at credentials, so that identifiers are proven. */
  readonly proves: boolean;
  /** A handshake that is accepted, and as whom. */
  readonly accepted: { readonly handshake: Handshake; readonly identifiers: (sid: string) => string };
  /** Handshakes that are refused, by what is wrong with them. Absent: nobody is refused. */
  readonly rejected?: Readonly<
    Record<string, { readonly handshake: Handshake; readonly reason: "unauthorized" | "token_expired"; readonly secret: string }>
  >;
  /** A handshake that says nothing to this identity. Absent: it knows everybody. */
  readonly unknown?: Handshake;
}

/** @param open makes one; called once */
export function identityContract(name: string, open: () => Promise<IdentityUnderTest>): void {
  describe(`identity ${name}`, () => {
    let under: IdentityUnderTest;
    const opening = open();
    beforeEach(async () => {
      under = await opening;
    });

    const answerTo = async (handshake: Handshake, sid = "sid-1"): Promise<IdentityAnswer> => under.identity.identify(handshake, sid);

    it("accepts with the identifiers that the application would have given", async () => {
      const { handshake, identifiers } = under.accepted;
      for (const sid of ["one", 'an"other']) {
        expect(await answerTo(handshake, sid)).toEqual({
          status: "accepted",
          identifiers: identifiers(sid),
          isProven: under.proves || undefined,
        });
      }
    });

    it("rejects with a reason for the client and one for the log that gives no secret away", async (context) => {
      if (under.rejected === undefined) return context.skip("it refuses nobody");
      for (const [what, { handshake, reason, secret }] of Object.entries(under.rejected)) {
        const answer = await answerTo(handshake);
        expect(answer, what).toEqual({ status: "rejected", reason, why: expect.stringMatching(/./u) });
        expect(JSON.stringify(answer), what).not.toContain(secret);
      }
    });

    it("leaves to others those who show nothing", async (context) => {
      if (under.unknown === undefined) return context.skip("it knows everybody");
      expect(under.identity.identify(under.unknown, "sid-1"), "at once, without a promise").toEqual({ status: "unknown" });
    });

    it("answers many at once, each its own", async () => {
      const { handshake, identifiers } = under.accepted;
      const sids = Array.from({ length: 200 }, (_, at) => `sid-${at}`);
      const answers = await Promise.all(sids.map((sid) => answerTo(handshake, sid)));
      expect(answers).toEqual(
        sids.map((sid) => ({ status: "accepted", identifiers: identifiers(sid), isProven: under.proves || undefined })),
      );
    });

    it("answers anything, and never fails", async () => {
      const value = fc.oneof(fc.string({ unit: "binary" }), fc.stringMatching(/^[\w.=-]{0,40}$/u), fc.base64String());
      await fc.assert(
        fc.asyncProperty(value, value, value, async (header, protocols, query) => {
          const handshake = handshakeOf({ query: `?jid=${query}`, headers: { "x-jid": header, "sec-websocket-protocol": protocols } });
          expect(["accepted", "rejected", "unknown", "unavailable"]).toContain((await answerTo(handshake)).status);
        }),
      );
    });
  });
}
