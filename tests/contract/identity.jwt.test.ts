import { secretKey } from "../../src/auth/jwt-keys.ts";
import { jwtIdentity } from "../../src/auth/jwt.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { handshakeOf } from "../support/handshake.ts";
import { signed } from "../support/tokens.ts";
import { identityContract } from "./identity.contract.ts";

identityContract("jwt", async () => {
  const clock = new FakeClock();
  const now = clock.nowMs() / 1000;
  const refused = async (
    reason: "unauthorized" | "token_expired",
    claims: Parameters<typeof signed>[0],
    secret = "qwerty",
  ): Promise<{ handshake: ReturnType<typeof handshakeOf>; reason: typeof reason; secret: string }> => {
    const token = await signed(claims, secret);
    return { handshake: handshakeOf({ query: `?jid=${token}` }), reason, secret: token };
  };
  return {
    identity: jwtIdentity({ param: "jid", isEnforced: false, keys: [secretKey("qwerty")], clock }),
    proves: true,
    accepted: {
      handshake: handshakeOf({ query: `?jid=${await signed({ ext: '{"user":1}', exp: now + 1 }, "qwerty")}` }),
      identifiers: () => '{"user":1}',
    },
    rejected: {
      "an expired token": await refused("token_expired", { ext: "{}", exp: now }),
      "a token of another secret": await refused("unauthorized", { ext: "{}" }, "other"),
      "a token without ext": await refused("unauthorized", { sub: "somebody" }),
      "what is no token": { handshake: handshakeOf({ query: "?jid=s3cr3t" }), reason: "unauthorized", secret: "s3cr3t" },
    },
    unknown: handshakeOf(),
  };
});
