import { openRedisBrokerRig } from "../support/redis-broker-rig.ts";
import { brokerContract } from "./broker.contract.ts";

brokerContract("redis", openRedisBrokerRig);
