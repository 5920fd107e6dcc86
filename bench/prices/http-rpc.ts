import type { Bench } from "../bench.ts";
import { perCommand } from "./columns.ts";
import { performing } from "./work.ts";

/** The same application over the other road. */
export const httpRpc: Bench = {
  name: "http-rpc",
  title: "actions answered over gRPC and over HTTP",
  needsRpc: true,
  variants: [{ name: "gRPC" }, { name: "HTTP", flags: ({ httpRpcPort }) => [`--rpc_host=http://127.0.0.1:${httpRpcPort}/_anycable`] }],
  cases: (options) => [performing(options)],
  columns: perCommand,
};
