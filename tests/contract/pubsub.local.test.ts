import { localPubsub } from "../../src/pubsub/local.ts";
import { pubsubContract } from "./pubsub.contract.ts";

pubsubContract("local", [1], async () => ({ node: localPubsub, close: async () => {} }));
