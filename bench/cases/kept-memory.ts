import type { Bench, BenchCase, Variant } from "../bench.ts";
import { memoryBroker, noBroker } from "./brokers.ts";

/** What everything costs in resident memory that the memory broker keeps. Without a broker the same is done, and nothing kept: that says how exact it is. */
export const keptMemory: Bench = {
  name: "kept-memory",
  title: "resident memory of the server per message that it keeps, 100 per stream, and per session of somebody who has left, at rest",
  needsRpc: false,
  variants: [collecting(memoryBroker), collecting(noBroker)],
  peers: [memoryBroker],
  cases: (options) => [
    messages("100,000 messages of a number", { streams: 1_000, bodyBytes: 0 }),
    messages("40,000 messages of 1,000 bytes", { streams: 400, bodyBytes: 1_000 }),
    {
      name: "5,000 sessions",
      plan: { ...basics, what: "sessions", clients: Math.min(5_000, options.mostClients), streams: 1, perStream: 0, bodyBytes: 0 },
    },
  ],
  columns: [
    { figure: "bytesPerItem", header: "bytes each", unit: "", digits: 0 },
    { figure: "rssBeforeMib", header: "before", unit: "MiB", digits: 1 },
    { figure: "rssAfterMib", header: "after", unit: "MiB", digits: 1 },
  ],
};

const basics = { kind: "keep", isExtended: true, settleMs: 7_000 } as const;

function messages(name: string, { streams, bodyBytes }: { readonly streams: number; readonly bodyBytes: number }): BenchCase {
  return { name, plan: { ...basics, what: "messages", clients: 0, streams, perStream: 100, bodyBytes } };
}

/** V8 collects when it has to, so an idle server's memory is half garbage: Ropeway collects when it is asked. */
function collecting(variant: Variant): Variant {
  const onSignal = new URL("../collect-on-signal.js", import.meta.url);
  return { ...variant, nodeFlags: ["--expose-gc", "--import", onSignal.href], client: { collectsGarbage: true } };
}
