import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { checkServerIdentity, createSecureContext, type ConnectionOptions } from "node:tls";
import { CableError, messageOf } from "../errors.ts";

/** TLS to Redis. The files are read again for each connection, so that renewed ones are used without a restart. */
export interface RedisTlsOptions {
  /**
   * Check the server's certificate. Default false, as in AnyCable: hosts of Redis use self-signed ones. Without it, whoever stands between
   * can read and change everything.
   */
  readonly verify?: boolean;
  /** PEM file of who signed the server's certificate. Default: those that Node.js brings along. */
  readonly caPath?: string | undefined;
  /** PEM files of the certificate that we show and its key. Default: none is shown. One without the other is ignored. */
  readonly certPath?: string | undefined;
  readonly keyPath?: string | undefined;
}

/**
 * What `tls.connect` needs for a server. A certificate is good for the host that is connected to or for any of `names`, those that were
 * configured: nodes of a cluster and masters are often known by their IP addresses alone.
 * @throws {CableError} `config.unreadable_file`, `config.invalid_value`
 */
export function tlsConnectOptions(tls: RedisTlsOptions, host: string, names: readonly string[]): ConnectionOptions {
  const { verify = false, caPath } = tls;
  const ca = caPath === undefined ? undefined : readCertificates(caPath);
  const own = readOwnCertificate(tls);
  const servername = [host, ...names].find((name) => isIP(name) === 0);
  return {
    secureContext: secureContext({ ...(ca !== undefined && { ca }), ...own }),
    rejectUnauthorized: verify,
    ...(servername !== undefined && { servername }),
    checkServerIdentity: (_name, certificate) => {
      const errors = [host, ...names].map((name) => checkServerIdentity(name, certificate));
      return errors.includes(undefined) ? undefined : errors[0];
    },
  };
}

function secureContext(options: Parameters<typeof createSecureContext>[0]): ReturnType<typeof createSecureContext> {
  try {
    return createSecureContext({ minVersion: "TLSv1.2", ...options });
  } catch (error) {
    throw invalid("redis_tls_client_cert_path and redis_tls_client_key_path don't go together", error);
  }
}

function readCertificates(path: string): string {
  const pem = read("redis_tls_ca_cert_path", path);
  try {
    new X509Certificate(pem);
    return pem;
  } catch (error) {
    throw invalid(`redis_tls_ca_cert_path: ${JSON.stringify(path)} holds no certificate in PEM format`, error);
  }
}

function readOwnCertificate({ certPath, keyPath }: RedisTlsOptions): { readonly cert?: string; readonly key?: string } {
  if (certPath === undefined || keyPath === undefined) return {};
  return { cert: read("redis_tls_client_cert_path", certPath), key: read("redis_tls_client_key_path", keyPath) };
}

function read(option: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new CableError("config.unreadable_file", `${option}: ${messageOf(error)}`, { cause: error });
  }
}

function invalid(what: string, error: unknown): CableError {
  return new CableError("config.invalid_value", `${what} (${messageOf(error)})`, { cause: error });
}
