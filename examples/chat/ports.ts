import { createServer } from "node:net";

/** The preferred port if nobody listens there on this machine, otherwise a free one of the system's choice. 0 means: any free one. */
export async function choosePort(preferred: number): Promise<number> {
  if (preferred !== 0 && (await isFree(preferred))) return preferred;
  return await listenBriefly(0, "127.0.0.1");
}

/** "localhost" can mean either loopback address, so both must be free. */
async function isFree(port: number): Promise<boolean> {
  for (const host of ["127.0.0.1", "::1"]) {
    try {
      await listenBriefly(port, host);
    } catch (error) {
      if (isTaken(error)) return false;
    }
  }
  return true;
}

function isTaken(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "EADDRINUSE" || error.code === "EACCES");
}

async function listenBriefly(port: number, host: string): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : port;
}
