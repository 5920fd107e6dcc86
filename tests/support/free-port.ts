import { once } from "node:events";
import { createServer } from "node:net";

/**
 * Below those that systems give to whoever asks for any (Linux: from 32,768 on): so what is free here stays so until it is taken by its number,
 * and while a server is started again. A share for each of the files that run at a time.
 */
const share = 8_000;
const lowest = 14_000 + (Number(process.env["VITEST_POOL_ID"] ?? 0) % 2) * share;
let next = Math.floor(Math.random() * share);

/** A port of 127.0.0.1 that nobody listens on, and that no other test is given. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = lowest + (next++ % share);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once("listening", () => resolve(true)).once("error", () => resolve(false));
      server.listen(port, "127.0.0.1");
    });
    if (!isFree) continue;
    server.close();
    await once(server, "close");
    return port;
  }
}
