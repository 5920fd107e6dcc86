import { checkServerIdentity, createSecureContext, type PeerCertificate } from "node:tls";
import { credentials, type ChannelCredentials } from "@grpc/grpc-js";
import { readRootCertificates } from "./root-certificates.ts";

export interface GrpcTlsOptions {
  /**
   * Certificates to trust instead of those that Node.js brings along: the path of a PEM file, or the PEM text itself. Default: none.
   */
  readonly rootCa?: string | undefined;
  /**
   * Whether the server must prove that it is who it should be. Default true. Without it anybody in between can read and answer the
   * calls, so this is for development only.
   */
  readonly verify?: boolean;
}

/**
 * TLS 1.2 or newer. `hosts` are the names that were configured: the library checks certificates against one name per channel, so with a
 * list of servers a certificate for any of them will do.
 *
 * @throws {CableError} `config.unreadable_file`, `config.invalid_value`
 */
export function tlsCredentials(options: GrpcTlsOptions, hosts: readonly string[]): ChannelCredentials {
  const ca = options.rootCa === undefined ? undefined : readRootCertificates(options.rootCa);
  const context = createSecureContext({ minVersion: "TLSv1.2", ...(ca !== undefined && { ca }) });
  if (options.verify === false) return credentials.createFromSecureContext(context, { rejectUnauthorized: false });
  return credentials.createFromSecureContext(context, { checkServerIdentity: (_host, certificate) => identityOf(hosts, certificate) });
}

function identityOf(hosts: readonly string[], certificate: PeerCertificate): Error | undefined {
  const errors = hosts.map((host) => checkServerIdentity(host, certificate));
  return errors.includes(undefined) ? undefined : errors[0];
}
