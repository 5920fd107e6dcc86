/** A publication costs one `socket.write` of the shared frame per subscriber. Argument: the port. */
import { serveBare } from "./bare-server.ts";

serveBare((stream, frame) => {
  for (const socket of stream.sockets) socket.write(frame);
});
