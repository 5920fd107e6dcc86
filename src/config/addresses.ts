import { isIPv6 } from "node:net";

/** What is wrong with an address, as the end of "`--rpc_host` ...", or what it means. */
export type Address<Parsed> = Parsed | { readonly problem: string };

/** A Redis server. @see readRedisUrl */
export interface RedisAddress {
  /** `redis://` or `rediss://`, with user, password, port and database as given. */
  readonly url: string;
}

/**
 * Reads `redis_url` as AnyCable does: without a scheme it is `redis://`, and a `/` at the end says nothing. Valkey's schemes mean the same. The
 * problem never repeats the URL: there may be a password in it.
 */
export function readRedisUrl(text: string): Address<RedisAddress> {
  const given = text.trim().replace(/\/$/u, "");
  const withScheme = given.includes("://") ? given : `redis://${given}`;
  const [scheme] = withScheme.split("://", 1);
  const known = redisSchemes.get(scheme!.toLowerCase());
  if (known === undefined) return { problem: `has the scheme ${JSON.stringify(scheme)}; redis:// and rediss:// (TLS) are known` };
  const url = URL.canParse(withScheme) ? new URL(withScheme) : undefined;
  if (url === undefined || url.hostname === "") {
    return { problem: "is no URL such as redis://user:password@host:6379/0; odd characters in a password are written like %23" };
  }
  if (!/^(?:\/\d+)?$/u.test(url.pathname)) return { problem: "names a database that is no number" };
  return { url: known + withScheme.slice(scheme!.length) };
}

const redisSchemes: ReadonlyMap<string, string> = new Map([
  ["redis", "redis"],
  ["rediss", "rediss"],
  ["valkey", "redis"],
  ["valkeys", "rediss"],
]);

/** Reads `rpc_host`: one server, or a list of them. A server without a port is called at 443, as everywhere in gRPC. */
export function readRpcHost(text: string): Address<{ readonly hasPort: boolean }> {
  const list = /^grpc-list:\/{0,3}(.*)$/su.exec(text.trim());
  const members = (list?.[1]!.split(",") ?? [text]).map((member) => member.trim()).filter((member) => member !== "");
  if (members.length === 0) return { problem: "names no server" };
  let hasPort = true;
  for (const member of members) {
    const port = portOf(member);
    if (port === undefined) {
      return {
        problem: `has ${JSON.stringify(member)}, which is no address of a gRPC server; write host:port, dns:///host:port or grpc-list://host:port,host:port`,
      };
    }
    hasPort &&= port !== "none";
  }
  return { hasPort };
}

/** undefined when it is no address. */
function portOf(member: string): number | "none" | undefined {
  if (/^unix:./iu.test(member)) return 0;
  // dns://server/name asks that DNS server; usually none is named: dns:///name.
  const address = member.replace(/^(?:dns|ipv4|ipv6):(?:\/\/[^/]*\/)?/iu, "");
  if (isIPv6(address)) return "none";
  const match = /^(?:\[[0-9a-f:.%]+\]|[^\s:/?#[\]@]+)(?::(\d{1,5}))?$/iu.exec(address);
  if (match === null) return undefined;
  if (match[1] === undefined) return "none";
  const port = Number(match[1]);
  return port >= 1 && port <= 65_535 ? port : undefined;
}
