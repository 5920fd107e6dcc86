import { actioncableV1ExtJson, actioncableV1Json } from "./actioncable-v1-json.ts";
import type { Protocol } from "./protocol.ts";

/** In the server's order of preference, which decides, not the client's (as in AnyCable). */
const protocols: readonly Protocol[] = [actioncableV1Json, actioncableV1ExtJson];

/** The subprotocol to agree on. `undefined` when the client offered none of ours: it is served all the same, in the default protocol. */
export function chooseSubprotocol(offered: ReadonlySet<string>): string | undefined {
  return protocols.find(({ name }) => offered.has(name))?.name;
}

/** The protocol of a negotiated name; the empty name is a client without a subprotocol. */
export function protocolNamed(name: string): Protocol {
  return protocols.find((protocol) => protocol.name === name) ?? actioncableV1Json;
}
