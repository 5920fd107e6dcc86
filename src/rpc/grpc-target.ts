import { isIPv6 } from "node:net";
import { CableError } from "../errors.ts";

/** One place to look for servers, in the words of grpc-js: which resolver, and what to give it. */
export interface GrpcMember {
  readonly scheme: "dns" | "ipv4" | "ipv6" | "unix";
  readonly authority?: string;
  readonly path: string;
}

const schemes: ReadonlySet<string> = new Set(["dns", "ipv4", "ipv6", "unix"]);
const hostAndPort = /^(?:\[[0-9a-f:.%]+\]|[^\s:/?#[\]@]+)(?::(\d{1,5}))?$/i;

/**
 * Reads `rpc_host`. One server or a list, names and addresses alike; without a port it is 443, as everywhere in gRPC:
 * `localhost:50051` · `dns:///rpc.internal:50051` · `grpc-list://10.0.0.1:50051,rpc-2:50051` · `unix:/run/rpc.sock`.
 * A name that stands for several addresses means all of them.
 *
 * @throws {CableError} `config.invalid_value`
 */
export function parseGrpcTarget(text: string): readonly GrpcMember[] {
  const list = /^grpc-list:(?:\/\/\/?)?(.*)$/s.exec(text.trim());
  const members = (list ? list[1]!.split(",") : [text]).map((member) => member.trim());
  if (members.at(-1) === "" && members.length > 1) members.pop();
  return members.map((member) => parseMember(member, text));
}

function parseMember(member: string, whole: string): GrpcMember {
  const uri = /^([a-z][a-z0-9+.-]*):(?:\/\/([^/]*)\/)?(.+)$/is.exec(member);
  const scheme = uri?.[1]!.toLowerCase();
  if (uri && scheme !== undefined && isScheme(scheme)) {
    const [, , authority, path] = uri as unknown as [string, string, string | undefined, string];
    // `unix:///run/rpc.sock` is an absolute path: its third slash belongs to it.
    if (scheme === "unix") return { scheme, path: authority === undefined ? path : `/${path}` };
    if (!isHostAndPort(path)) throw invalid(member, whole);
    return authority ? { scheme, authority, path } : { scheme, path };
  }
  if (isHostAndPort(member)) return { scheme: "dns", path: member };
  throw invalid(member, whole);
}

function isScheme(text: string): text is GrpcMember["scheme"] {
  return schemes.has(text);
}

function isHostAndPort(text: string): boolean {
  const match = hostAndPort.exec(text);
  return match ? Number(match[1] ?? 443) <= 65_535 : isIPv6(text);
}

function invalid(member: string, whole: string): CableError {
  const where = member === whole.trim() ? "" : ` in "${whole}"`;
  return new CableError(
    "config.invalid_value",
    `rpc_host: "${member}"${where} is not the address of a gRPC server; write host:port, dns:///host:port or grpc-list://host:port,host:port`,
  );
}

/** The name to expect in a member's certificate, and its `:authority`. */
export function authorityOf(member: GrpcMember): string {
  return member.scheme === "unix" ? "localhost" : member.path;
}

/** Host without port and brackets. */
export function hostOf(member: GrpcMember): string {
  const authority = authorityOf(member);
  if (isIPv6(authority)) return authority;
  return authority.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
}
