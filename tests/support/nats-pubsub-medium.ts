import { connect } from "@nats-io/transport-node";
import { subjects, type SubjectsOptions } from "../../src/nats/subjects.ts";
import type { PubsubMedium } from "../contract/pubsub.contract.ts";
import { freePort } from "./free-port.ts";
import { startNats, type NatsServer } from "./nats-server.ts";

/** Names as AnyCable has them, beside a broadcaster that uses the subject of its own. */
export const pubsubSubjects: SubjectsOptions = { internal: "__anycable_internal__", reserved: ["__anycable__"] };

interface Watched extends NatsServer {
  readonly monitorUrl: string;
}

/** A server that can be asked who is subscribed to what. */
export async function startWatchedNats(): Promise<Watched> {
  const port = await freePort();
  return { ...(await startNats({ config: `http: "127.0.0.1:${port}"` })), monitorUrl: `http://127.0.0.1:${port}` };
}

/** What NATS looks like from outside; what is said is said at the last server. */
export function natsMedium(
  servers: readonly Watched[],
  names: SubjectsOptions = pubsubSubjects,
): Pick<PubsubMedium, "subscribers" | "subjects" | "say" | "oddStreams"> {
  const { subjectOf, internal } = subjects(names);
  return {
    async subscribers(streams) {
      const connections = await subscriptionsOf(servers);
      return streams.map((stream) => connections.filter((subscribed) => subscribed.includes(subjectOf(stream))).length);
    },
    async subjects() {
      const all = new Set((await subscriptionsOf(servers)).flat());
      all.delete(internal);
      return all.size;
    },
    async say(stream, message) {
      const client = await connect({ servers: servers.at(-1)!.url });
      client.publish(subjectOf(stream), message);
      await client.flush();
      await client.close();
    },
    oddStreams: [internal, ...(names.reserved ?? []), "=", "=YQ", "==YQ", "_INBOX", "$SYS", "__anycable_"],
  };
}

/** The subjects of each connection. */
async function subscriptionsOf(servers: readonly Watched[]): Promise<readonly (readonly string[])[]> {
  const answers = await Promise.all(
    servers.map(async ({ monitorUrl }) => {
      const answer = await fetch(`${monitorUrl}/connz?subs=1&limit=1000`);
      return (await answer.json()) as { readonly connections: readonly { readonly subscriptions_list?: readonly string[] }[] };
    }),
  );
  return answers.flatMap(({ connections }) => connections.map(({ subscriptions_list: list = [] }) => list));
}
