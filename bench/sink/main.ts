/** Takes whatever it is sent, over HTTP and UDP, and says that all is well: a collector of traces, a StatsD. Argument: the port, on 127.0.0.1. */
import { createSocket } from "node:dgram";
import { createServer } from "node:http";

const port = Number(process.argv[2]);
createSocket("udp4").bind(port, "127.0.0.1", () => {
  const server = createServer((request, response) => {
    request.resume();
    request.on("end", () => response.end());
  });
  server.listen(port, "127.0.0.1");
});
process.on("SIGTERM", () => process.exit(0));
