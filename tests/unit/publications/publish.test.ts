import { describe, expect, it } from "vitest";
import type { StreamHistory } from "../../../src/broker/broker.ts";
import { passOnThrough } from "../../../src/publications/publish.ts";
import type { Publication } from "../../../src/publications/publication.ts";
import type { Pubsub } from "../../../src/pubsub/pubsub.ts";

const publication: Publication = {
  stream: "chat",
  json: "1",
  excludeSid: undefined,
  broadcastType: undefined,
  isTransient: false,
  receivedAtMs: 0,
  position: undefined,
};

describe("a publication that is stored first and passed on then", () => {
  const stored: string[] = [];
  const passedOn: Publication[] = [];
  const state = { isConnected: true, isRequired: true, sinceMs: 0, target: "nats://nats" };
  const pubsub: Pubsub = {
    name: "nats",
    start: async () => {},
    publish: (each) => void passedOn.push(each),
    command: () => {},
    subscribe: () => {},
    unsubscribe: () => {},
    stop: async () => {},
    state: () => state,
  };
  const history = {
    scope: "cluster",
    passesOn: false,
    keeps: () => true,
    append: async ({ json }: Publication) => ({ epoch: "e", offset: stored.push(json) }),
  } as Partial<StreamHistory> as StreamHistory;

  it("has its position", async () => {
    await passOnThrough(pubsub, history)(publication);
    expect(passedOn).toEqual([{ ...publication, position: { epoch: "e", offset: 1 } }]);
  });

  it("is not even stored while nothing can be passed on: who tries again would have stored it twice", async () => {
    state.isConnected = false;
    const publishing = async (): Promise<void> => passOnThrough(pubsub, history)(publication);
    await expect(publishing()).rejects.toMatchObject({ code: "publication.unavailable", message: expect.stringContaining("nats") });
    expect(stored).toHaveLength(1);
    state.isConnected = true;
    await publishing();
    expect(stored).toHaveLength(2);
  });
});
