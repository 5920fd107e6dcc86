import { once } from "node:events";
import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createServer, type Server, type ServerParts } from "ropeway";
import { websocketTransport } from "ropeway/websocket";

/** A server of the built package on an HTTP server of ours, as those have it who embed it. */
export interface Embedded {
  readonly server: Server;
  /** Where clients connect. */
  readonly url: string;
  /** The same server over HTTP. */
  httpUrl(path: string): string;
  /** Also ends the HTTP server. */
  stop(): Promise<void>;
}

/** `http` begins to listen if it does not yet. */
export async function startEmbedded(parts: Partial<ServerParts> = {}, http: HttpServer = createHttpServer()): Promise<Embedded> {
  const server = createServer({ transports: [websocketTransport()], ...parts });
  server.attach(http);
  await server.start();
  if (!http.listening) {
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
  }
  const place = `127.0.0.1:${(http.address() as AddressInfo).port}`;
  return {
    server,
    url: `ws://${place}/cable`,
    httpUrl: (path) => `http://${place}${path}`,
    async stop() {
      await server.stop();
      http.close();
      http.closeAllConnections();
    },
  };
}
