import { isIPv6 } from "node:net";
import type { NatsLogin } from "../nats/address.ts";

/** What is wrong with an address, as the end of "`--rpc_host` ...", or what it means. */
export type Address<Parsed> = Parsed | { readonly problem: string };

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

/** Where an application takes its calls over HTTP. @see readRpcUrl */
export interface RpcUrl {
  /** As given. */
  readonly url: string;
  /** Without user, password and query. */
  readonly shown: string;
  readonly isTls: boolean;
  /** On this machine. */
  readonly isLocal: boolean;
  readonly hasCredentials: boolean;
}

/** Reads `rpc_host` for calls over HTTP. The problem never repeats the URL: there may be a password in it. */
export function readRpcUrl(text: string): Address<RpcUrl> {
  const given = text.trim();
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:")) {
    return { problem: "is no URL such as http://localhost:3000/_anycable, and rpc_impl is http" };
  }
  if (url.port === "0") return { problem: "has the port 0, which nobody can listen on" };
  if (url.hash !== "") return { problem: "has a part behind #, which is never sent; in a password # is written %23" };
  return {
    url: given,
    shown: `${url.protocol}//${url.host}${url.pathname.replace(/\/+$/u, "")}`,
    isTls: url.protocol === "https:",
    isLocal: /^(?:localhost|127\.[\d.]+|\[::1\])$/u.test(url.hostname),
    hasCredentials: url.username !== "" || url.password !== "",
  };
}

/** A server of NATS. @see readNatsUrl */
export interface NatsUrl {
  /** With a scheme, and no slash at the end. */
  readonly url: string;
}

/** Reads the address of one server, as text that is surely nothing else. The problem never repeats it: there may be a password in it. */
export function readNatsUrl(text: string): Address<NatsUrl> {
  const given = text.trim();
  const full = given.includes("://") ? given : `nats://${given}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (url === undefined || /^\d*$/u.test(url.hostname) || !/^\/?$/u.test(url.pathname) || url.port === "0") {
    return { problem: "is no address such as nats://user:password@host:4222; odd characters in a password are written like %23" };
  }
  if (url.search !== "" || url.hash !== "") return { problem: "has a part behind ? or #; in a password they are written %3F and %23" };
  if (!/^(?:nats|tls):$/u.test(url.protocol)) return { problem: "has an unknown scheme; nats:// and tls:// are known" };
  return { url: url.href.replace(/\/$/u, "") };
}

/** An address to listen on. @see readListenAddress */
export interface ListenAddress {
  /** IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** What whoever connects has to show; undefined: nothing. */
  readonly login: NatsLogin | undefined;
}

/** Reads `nats://user:password@host:port`, or less of it; a user without a password is a token. The problem never repeats it. */
export function readListenAddress(text: string): Address<ListenAddress> {
  const given = text.trim();
  const full = given.includes("://") ? given : `nats://${given}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (
    url === undefined ||
    /^\d*$/u.test(url.hostname) ||
    !/^\/?$/u.test(url.pathname) ||
    !(Number(url.port) > 0) ||
    url.search + url.hash !== ""
  ) {
    return { problem: "is no address such as nats://127.0.0.1:4222; odd characters in a password are written like %23" };
  }
  if (url.protocol === "tls:") return { problem: "is tls://, but the embedded server offers no TLS" };
  const [user, password] = [decoded(url.username), decoded(url.password)];
  if (user === undefined || password === undefined) return { problem: "has a stray % in its user or password; write it as %25" };
  const login = user === "" && password === "" ? undefined : password === "" ? { token: user } : { user, password };
  return { host: url.hostname.replace(/^\[(.*)\]$/su, "$1"), port: Number(url.port), login };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
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
