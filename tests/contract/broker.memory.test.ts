import { memoryBroker } from "../../src/broker/memory/memory.ts";
import type { BrokerRig } from "../support/broker-rig.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { brokerContract } from "./broker.contract.ts";

const itIsTheProcess = "the store is the process itself, and goes with it";

brokerContract("memory", async (): Promise<BrokerRig> => {
  const clock = new FakeClock();
  let epochs = 0;
  return {
    newNode: ({ history, ...settings }) =>
      memoryBroker({
        ...settings,
        settingsFor: history,
        longestTtlMs: 300_000,
        hearsOthers: false,
        newEpoch: () => `epoch-${++epochs}`,
        clock,
      }),
    pass: async (ms) => clock.advance(ms),
    nowMs: () => clock.nowMs(),
    shortTtlMs: 1_000,
    otherNodes: { lacks: itIsTheProcess },
    restartEmpty: { lacks: itIsTheProcess },
    restartKept: { lacks: itIsTheProcess },
    snapshot: { lacks: itIsTheProcess },
    freeze: { lacks: "it answers at once" },
    close: async () => {},
  };
});
