import { Status } from "../../src/rpc/generated/rpc.ts";
import type { Application } from "./application.ts";

/**
 * The application of the examples in docs/protocols. Who has the cookie `user` is that user, and `unclear` can't be told. ChatChannel hears
 * `chat/<room>`, where its subscribers may be present; nobody gets into the locked room. Its actions: `echo`, and `quit`, which disconnects.
 */
export const pageApplication: Application = {
  connect({ env }, { sid }) {
    const user = /user=(\w+)/.exec(env?.headers.get("cookie") ?? "")?.[1];
    if (user === "unclear") return { status: Status.ERROR, errorMsg: "who is that?" };
    if (user === undefined) {
      return { status: Status.FAILURE, transmissions: ['{"type":"disconnect","reason":"unauthorized","reconnect":false}'] };
    }
    return { identifiers: JSON.stringify({ user }), transmissions: [JSON.stringify({ type: "welcome", sid })] };
  },

  command({ command, identifier, data }) {
    if (command === "subscribe") {
      const { room } = JSON.parse(identifier) as { readonly room: string };
      if (room === "locked")
        return { status: Status.FAILURE, transmissions: [JSON.stringify({ type: "reject_subscription", identifier })] };
      const stream = `chat/${room}`;
      return {
        streams: [stream],
        transmissions: [JSON.stringify({ type: "confirm_subscription", identifier })],
        env: { cstate: new Map(), istate: new Map([["$p", stream]]) },
      };
    }
    if (command !== "message") return {};
    const { action, ...message } = JSON.parse(data) as { readonly action: string };
    return action === "quit" ? { disconnect: true } : { transmissions: [JSON.stringify({ identifier, message })] };
  },
};
