import type { Bench } from "../bench.ts";
import { perDelivery } from "./columns.ts";
import { broadcasting } from "./work.ts";

/** A broadcast is compressed once, whoever hears it; what is saved is the network's. */
export const deflate: Bench = {
  name: "deflate",
  title: "permessage-deflate, off and on",
  needsRpc: false,
  variants: [{ name: "off" }, { name: "on", flags: () => ["--enable_ws_compression"] }],
  cases: (options) => [
    broadcasting("1 KB to 2,000, 2/s", { subscribers: 2_000, perSecond: 2, bodyBytes: 1_000 }, options),
    broadcasting("20 KB to 500, 4/s", { subscribers: 500, perSecond: 4, bodyBytes: 20_000 }, options),
    broadcasting("20 KB to 1, 100/s", { subscribers: 1, perSecond: 100, bodyBytes: 20_000 }, options),
  ],
  columns: perDelivery,
};
