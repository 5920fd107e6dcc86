import type { OpenBrokerRig } from "../support/broker-rig.ts";
import { historyContract } from "./broker-history.contract.ts";
import { presenceContract } from "./broker-presence.contract.ts";
import { sessionsContract } from "./broker-sessions.contract.ts";

/** Every duty of the three ports, for a broker that has them all. */
export function brokerContract(name: string, open: OpenBrokerRig): void {
  historyContract(name, open);
  sessionsContract(name, open);
  presenceContract(name, open);
}
