import type { ServerMessage } from "../protocols/messages.ts";
import type { Protocol } from "../protocols/protocol.ts";
import type { Frame, Framing } from "../transports/transport.ts";

/** A protocol on a kind of transport: sessions with the same Encoding can be sent the same Frame. Compared by identity. */
export class Encoding {
  readonly protocol: Protocol;
  readonly #framing: Framing;

  constructor(protocol: Protocol, framing: Framing) {
    this.protocol = protocol;
    this.#framing = framing;
  }

  frame(message: ServerMessage): Frame {
    return this.#framing.frame(this.protocol.encode(message));
  }
}

/** Gives the one Encoding of each pair. */
export function encodings(): (protocol: Protocol, framing: Framing) => Encoding {
  const known = new Map<Protocol, Map<Framing, Encoding>>();
  return (protocol, framing) => {
    let ofProtocol = known.get(protocol);
    if (!ofProtocol) known.set(protocol, (ofProtocol = new Map()));
    let encoding = ofProtocol.get(framing);
    if (!encoding) ofProtocol.set(framing, (encoding = new Encoding(protocol, framing)));
    return encoding;
  };
}
