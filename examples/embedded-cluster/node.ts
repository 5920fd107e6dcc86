import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createMetrics, createServer } from "ropeway";
import { redisBroker } from "ropeway/redis-broker";
import { redisPubsub } from "ropeway/redis-pubsub";
import { redisStreamsBroadcaster } from "ropeway/redis-streams-broadcaster";
import { restApi } from "ropeway/rest-api";
import { websocketTransport } from "ropeway/websocket";
import { application } from "./application.ts";
import { consoleLogger } from "./console-logger.ts";

export interface Node {
  readonly port: number;
  stop(): Promise<void>;
}

export interface NodeOptions {
  /** 0: any free one. */
  readonly port: number;
  readonly redisUrl: string;
  /** What callers of the REST API show. */
  readonly apiKey: string;
}

/** One node: an HTTP server with Ropeway on it. Parts belong to the node that they were made for. */
export async function startNode({ port, redisUrl, apiKey }: NodeOptions): Promise<Node> {
  const logger = consoleLogger();
  const metrics = createMetrics();
  // The broker takes from the pubsub where Redis is, and passes on over it what it stores.
  const pubsub = redisPubsub({ url: redisUrl, prefix: "chat:", logger, metrics });
  const broker = redisBroker({ pubsub, historyLimit: 200, presenceTtlMs: 5_000, logger });
  const redisx = redisStreamsBroadcaster({ url: redisUrl, logger, metrics });
  const api = restApi({ key: apiKey, broker, pubsub, broadcasters: [redisx], metrics, logger });

  const server = createServer({
    transports: [websocketTransport({ logger })],
    controller: application((stream, data) => server.publish(stream, data)),
    pubsub,
    broker,
    broadcasters: [redisx, api],
    metrics,
    logger,
  });

  const http = createHttpServer((request, response) => {
    if (request.url?.startsWith("/api/") === true) api.handler(request, response);
    else response.writeHead(404).end();
  });
  server.attach(http);
  await server.start();
  http.listen(port);
  await once(http, "listening");
  return {
    port: (http.address() as AddressInfo).port,
    async stop() {
      // Clients first: they are told to come back, and find another node.
      await server.stop({ timeoutMs: 10_000 });
      http.close();
    },
  };
}
