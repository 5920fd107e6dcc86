import { fileURLToPath } from "node:url";
import type { Bench } from "../bench.ts";
import { perConnection, perDelivery } from "./columns.ts";
import { broadcasting, connecting } from "./work.ts";

const certificate = (extension: string): string =>
  fileURLToPath(new URL(`../../../tests/fixtures/certs/tls-first.${extension}`, import.meta.url));

/** Every connection makes a full handshake (TLS 1.3, an ECDSA key of P-256). */
export const tls: Bench = {
  name: "tls",
  title: "TLS, to clients and publishers, off and on",
  needsRpc: false,
  variants: [
    { name: "plain" },
    {
      name: "TLS",
      flags: () => [`--ssl_cert=${certificate("pem")}`, `--ssl_key=${certificate("key")}`],
      client: { isTls: true },
    },
  ],
  cases: (options) => [
    broadcasting("2 publications/s to 2,000", { subscribers: 2_000, perSecond: 2 }, options),
    connecting(2_000, options),
  ],
  columns: [...perDelivery, ...perConnection],
};
