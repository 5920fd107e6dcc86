import type { Config } from "./config.ts";

/** What an operator should know about a configuration that is valid all the same. */
export function warningsAbout(config: Config): readonly string[] {
  return [...dangersOf(config), ...shortfallsOf(config)];
}

function dangersOf({ api, broadcast, server }: Config): readonly string[] {
  const warnings: string[] = [];
  if (server.isPublic) {
    const keyed = api?.key === undefined ? "" : "; the API alone keeps its key";
    warnings.push(`public is on: clients are not authenticated, every stream is open, and anybody may publish over HTTP${keyed}`);
  }
  if (broadcast.adapters.includes("http") && broadcast.http.listen === "main" && broadcast.http.key === undefined) {
    warnings.push(
      "Publications over HTTP are taken on the main port without a key: set broadcast_key or secret, or another http_broadcast_port",
    );
  }
  return warnings;
}

/** Where parts that were chosen together lose something. AnyCable starts with all of them, and says nothing. */
export function shortfallsOf(config: Config): readonly string[] {
  const { broadcast, broker, embeddedNats, pubsub, redis } = config;
  const isAlone = pubsub.adapter === "local";
  const warnings: string[] = [];
  if (broker.adapter === "memory" && !isAlone) {
    warnings.push(
      `broker=memory with pubsub=${pubsub.adapter}: each node keeps history, sessions and presence for itself, so a client that comes back to another node starts anew; set broker=redis or broker=nats, or pubsub=none if this node is the only one`,
    );
  }
  // Nobody asked for the Redis that is in the default list.
  const passing = broadcast.adapters.filter((adapter) => adapter === "nats" || (adapter === "redis" && redis.isRequired));
  if (broker.adapter !== "none" && passing.length > 0) {
    warnings.push(
      `What comes by ${passing.join(" and ")} (broadcast_adapter) reaches clients, but is not kept: who was away gets it from no history; let the application publish by http or redisx, and name those alone`,
    );
  }
  if (broadcast.adapters.includes("redisx") && isAlone) {
    warnings.push(
      "redisx with pubsub=none: of several nodes one reads each publication, and only its clients hear it; set pubsub=redis, unless this node is the only one",
    );
  }
  if (isAlone && (broker.adapter === "redis" || broker.adapter === "nats")) {
    warnings.push(
      `broker=${broker.adapter} with pubsub=none: all nodes keep in one place, but what one of them takes only its own clients hear at once; leave pubsub out, unless this node is the only one`,
    );
  }
  if (embeddedNats?.cluster && embeddedNats.jetStream && embeddedNats.serverName === undefined) {
    warnings.push(
      "JetStream in a cluster (enats_cluster) without enats_server_name: servers are called like their machines. Where those have another name after a restart, as containers do, each restart adds a member that never comes back, until most of them are missing and nothing is stored any more; give each server a name that stays",
    );
  }
  return warnings;
}
