import { noauthIdentity } from "../../src/auth/noauth.ts";
import { handshakeOf } from "../support/handshake.ts";
import { identityContract } from "./identity.contract.ts";

identityContract("noauth", async () => ({
  identity: noauthIdentity,
  proves: false,
  accepted: { handshake: handshakeOf(), identifiers: (sid) => JSON.stringify({ sid }) },
}));
