import { once } from "node:events";
import { createServer } from "node:net";
import { CableError, messageOf } from "../../errors.ts";
import { placeOf, type EmbeddedNatsOptions, type NatsListen } from "./options.ts";

/**
 * Rejects when an address can't be listened on. nats-server would notice it itself, but only after it has opened the store of JetStream,
 * and if another one of ours runs there, the store is that one's.
 * @throws {CableError} `listener.unavailable`
 */
export async function portsAreFree({ listen, cluster, gateway }: EmbeddedNatsOptions): Promise<void> {
  await isFree(listen, "enats_addr");
  if (cluster) await isFree(cluster.listen, "enats_cluster");
  if (gateway) await isFree(gateway.listen, "enats_gateway");
}

/** False when another process has one of them, which may be about to end. @throws {CableError} `listener.unavailable`: any other reason. */
export async function arePortsFree(options: EmbeddedNatsOptions): Promise<boolean> {
  try {
    await portsAreFree(options);
    return true;
  } catch (error) {
    if (error instanceof CableError && codeOf(error.cause) === "EADDRINUSE") return false;
    throw error;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

async function isFree({ host, port }: NatsListen, option: string): Promise<void> {
  const server = createServer();
  try {
    await once(server.listen({ host, port, exclusive: true }), "listening");
  } catch (error) {
    const why = reasons[codeOf(error)] ?? messageOf(error);
    throw new CableError("listener.unavailable", `The NATS server can't listen on ${placeOf({ host, port })}: ${why} (option ${option}).`, {
      cause: error,
    });
  }
  server.close();
  await once(server, "close");
}

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE:
    "another process has it. Stop that one, choose another port, or use that server: leave embed_nats out and name it in nats_servers",
  EACCES: "not permitted. Choose a port above 1023",
  EADDRNOTAVAIL: "the address is not one of this machine",
  ENOTFOUND: "the name can't be resolved",
};
