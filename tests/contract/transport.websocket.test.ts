import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocket } from "ws";
import { silentLogger } from "../../src/logger.ts";
import { chooseSubprotocol } from "../../src/protocols/negotiate.ts";
import type { Payload } from "../../src/protocols/protocol.ts";
import { websocketTransport } from "../../src/transports/websocket.ts";
import { transportContract, type Peer } from "./transport.contract.ts";

transportContract("websocket", {
  async open(accept) {
    const server = createServer();
    const transport = websocketTransport({
      paths: ["/cable"],
      maxMessageBytes: 65_536,
      maxConnections: 0,
      closeTimeoutMs: 2_000,
      version: "test",
      checkOrigin: () => ({ allowed: true }),
      chooseSubprotocol,
      logger: silentLogger,
    });
    transport.mount({ request: () => {}, upgrade: (_path, handler) => server.on("upgrade", handler) }, accept);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const clients: WebSocket[] = [];
    return {
      async connect({ path = "", headers = {} } = {}) {
        const client = new WebSocket(`ws://127.0.0.1:${port}/cable${path}`, "actioncable-v1-json", { headers, perMessageDeflate: false });
        clients.push(client);
        const peer = peerOf(client);
        await once(client, "open");
        return peer;
      },
      async stop() {
        for (const client of clients) client.terminate();
        server.close();
        await once(server, "close");
      },
    };
  },
});

function peerOf(client: WebSocket): Peer {
  const inbox: Payload[] = [];
  let give: ((payload: Payload) => void) | undefined;
  client.on("message", (data: Buffer, isBinary) => {
    const payload = isBinary ? data : data.toString();
    if (give) give(payload);
    else inbox.push(payload);
    give = undefined;
  });
  client.on("error", () => {});
  return {
    send: (payload) => client.send(payload),
    next: async () => inbox.shift() ?? new Promise<Payload>((resolve) => (give = resolve)),
    pause: () => client.pause(),
    resume: () => client.resume(),
    close: () => client.close(1000),
    drop: () => client.terminate(),
    ended: new Promise((resolve) => client.on("close", (code, reason) => resolve({ code, reason: reason.toString() }))),
  };
}
