// Ropeway inside of an application, on several nodes that Redis joins: each port is a node. It ends by itself when it is told to stop.
//
//   npm run build && REDIS_URL=redis://localhost:6379 API_KEY=secret node build/examples/embedded-cluster/main.js 8080 8081

import { startNode } from "./node.ts";

const { REDIS_URL: redisUrl = "redis://localhost:6379", API_KEY: apiKey = "secret" } = process.env;
const ports = process.argv.slice(2).map(Number);

const nodes = await Promise.all((ports.length > 0 ? ports : [8080]).map((port) => startNode({ port, redisUrl, apiKey })));
for (const { port } of nodes) process.stdout.write(`Clients connect to ws://localhost:${port}/cable\n`);

let isStopping = false;
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.on(signal, () => {
    if (isStopping) process.exit(1);
    isStopping = true;
    void Promise.all(nodes.map((node) => node.stop()));
  });
}
