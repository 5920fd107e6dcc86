import type { Identity } from "./identity.ts";

/** `--noauth`: everybody may connect, each as its own session. The identifiers are AnyCable's for such clients. */
export const noauthIdentity: Identity = {
  identify: (_handshake, sid) => ({ status: "accepted", identifiers: `{"sid":${JSON.stringify(sid)}}` }),
};
