import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { expect, it } from "vitest";
import { WebSocket } from "ws";
import { silentLogger } from "../../src/logger.ts";
import { chooseSubprotocol } from "../../src/protocols/negotiate.ts";
import type { Payload } from "../../src/protocols/protocol.ts";
import type { Connection } from "../../src/transports/transport.ts";
import { websocketTransport } from "../../src/transports/websocket.ts";
import { transportContract, type Peer, type TransportUnderTest } from "./transport.contract.ts";

const fixture = (name: string): string => readFileSync(new URL(`../fixtures/certs/${name}`, import.meta.url), "utf8");
const tls = { cert: fixture("tls-first.pem"), key: fixture("tls-first.key") };

function websocket({ isTls = false, isCompressed = false }: { isTls?: boolean; isCompressed?: boolean } = {}): TransportUnderTest {
  return {
    scheme: isTls ? "https" : "http",
    async open(accept) {
      const server = isTls ? createTlsServer(tls) : createServer();
      const transport = websocketTransport({
        paths: ["/cable"],
        maxMessageBytes: 65_536,
        compression: isCompressed,
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
          const client = new WebSocket(`${isTls ? "wss" : "ws"}://127.0.0.1:${port}/cable${path}`, "actioncable-v1-json", {
            headers,
            ca: tls.cert,
            perMessageDeflate: isCompressed && { threshold: 0 },
          });
          clients.push(client);
          const peer = peerOf(client);
          await once(client, "open");
          expect(client.extensions).toBe(isCompressed ? "permessage-deflate" : "");
          return peer;
        },
        async stop() {
          for (const client of clients) client.terminate();
          server.close();
          await once(server, "close");
        },
      };
    },
  };
}

transportContract("websocket", websocket());
transportContract("websocket over TLS", websocket({ isTls: true }));
transportContract("websocket with compression", websocket({ isCompressed: true }));
transportContract("websocket with compression over TLS", websocket({ isTls: true, isCompressed: true }));

it("hands small writes to the kernel at once, which is what makes fan-out fast", async () => {
  const connections: Connection[] = [];
  const opened = await websocket().open((connection) => {
    connections.push(connection);
    return { received: () => {}, alive: () => {}, drained: () => {}, closed: () => {} };
  });
  const peer = await opened.connect();
  const connection = connections[0]!;
  const { bytes } = connection.framing.frame("hello");
  for (let at = 0; at < 100; at++) expect(connection.write([bytes, bytes])).toBe(true);
  for (let at = 0; at < 200; at++) expect(await peer.next()).toBe("hello");
  await opened.stop();
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
