import { isIP, type Socket } from "node:net";
import { checkServerIdentity, connect, createSecureContext, type ConnectionOptions, type PeerCertificate } from "node:tls";
import { CallCredentials, ChannelCredentials } from "@grpc/grpc-js";
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
  const servername = hosts.find((host) => isIP(host) === 0);
  return new TlsCredentials({
    secureContext: createSecureContext({ minVersion: "TLSv1.2", ...(ca !== undefined && { ca }) }),
    rejectUnauthorized: options.verify !== false,
    checkServerIdentity: (_host, certificate) => identityOf(hosts, certificate),
    ALPNProtocols: ["h2"],
    ...(servername !== undefined && { servername }),
  });
}

function identityOf(hosts: readonly string[], certificate: PeerCertificate): Error | undefined {
  const errors = hosts.map((host) => checkServerIdentity(host, certificate));
  return errors.includes(undefined) ? undefined : errors[0];
}

type SecureConnector = ReturnType<ChannelCredentials["_createSecureConnector"]>;

/**
 * The library's own say an IP address as server name, which TLS does not know (RFC 6066, 3) and Node.js 26 refuses: no server could be
 * reached by its address.
 */
class TlsCredentials extends ChannelCredentials {
  readonly #options: ConnectionOptions;

  constructor(options: ConnectionOptions) {
    super();
    this.#options = options;
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(_target: unknown, _options: unknown, callCredentials = CallCredentials.createEmpty()): SecureConnector {
    return {
      connect: (socket) => this.#connect(socket),
      waitForReady: async () => {},
      getCallCredentials: () => callCredentials,
      destroy: () => {},
    };
  }

  #connect(socket: Socket): ReturnType<SecureConnector["connect"]> {
    return new Promise((resolve, reject) => {
      const secured = connect({ ...this.#options, socket }, () => resolve({ socket: secured, secure: true }));
      secured.on("error", reject);
    });
  }
}
