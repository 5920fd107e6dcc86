import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { checkServerIdentity, createSecureContext, type PeerCertificate } from "node:tls";
import { credentials, type ChannelCredentials } from "@grpc/grpc-js";
import { CableError, messageOf } from "../errors.ts";

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
  const ca = options.rootCa === undefined ? undefined : readCertificates(options.rootCa);
  const context = createSecureContext({ minVersion: "TLSv1.2", ...(ca !== undefined && { ca }) });
  if (options.verify === false) return credentials.createFromSecureContext(context, { rejectUnauthorized: false });
  return credentials.createFromSecureContext(context, { checkServerIdentity: (_host, certificate) => identityOf(hosts, certificate) });
}

function identityOf(hosts: readonly string[], certificate: PeerCertificate): Error | undefined {
  const errors = hosts.map((host) => checkServerIdentity(host, certificate));
  return errors.includes(undefined) ? undefined : errors[0];
}

function readCertificates(rootCa: string): string {
  const isText = rootCa.includes("-----BEGIN");
  const where = isText ? "rpc_tls_root_ca" : `rpc_tls_root_ca: "${rootCa}"`;
  const pem = isText ? rootCa : readText(rootCa);
  try {
    new X509Certificate(pem);
  } catch (error) {
    throw new CableError("config.invalid_value", `${where} holds no certificate in PEM format (${messageOf(error)})`, { cause: error });
  }
  return pem;
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new CableError("config.unreadable_file", `rpc_tls_root_ca: ${messageOf(error)}`, { cause: error });
  }
}
