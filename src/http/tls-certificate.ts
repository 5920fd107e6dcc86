import { createPrivateKey, X509Certificate, type KeyObject } from "node:crypto";
import { createSecureContext } from "node:tls";
import { messageOf } from "../errors.ts";

/** A certificate, with its chain, and its private key: PEM texts. */
export interface TlsPair {
  readonly cert: string;
  readonly key: string;
}

/** What listeners prove with that they are who they should be. Another pair may take its place while they run. */
export interface TlsCertificate {
  readonly pair: TlsPair;
  /** Calls `use` with every pair that takes the place of another. Returns what ends that. */
  onReplaced(use: (pair: TlsPair) => void): () => void;
}

/** The certificate of a pair that TLS can be spoken with. @throws {Error} with what is wrong, in terms of `names`. */
export function certificateOf({ cert, key }: TlsPair, names: TlsPair): X509Certificate {
  const certificate = parsed(() => new X509Certificate(cert), `${names.cert} holds no certificate in PEM format`);
  const privateKey = privateKeyOf(key, names.key);
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new Error(
      `${names.cert} and ${names.key} don't fit together: the certificate is for another key. In a file with a chain the server's own certificate comes first`,
    );
  }
  parsed(() => createSecureContext({ cert, key }), `${names.cert} and ${names.key} can't be used`);
  return certificate;
}

function privateKeyOf(key: string, name: string): KeyObject {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(key)) {
    throw new Error(`${name} is protected by a passphrase; write it without: openssl pkey -in <file> -out <new file>`);
  }
  return parsed(() => createPrivateKey(key), `${name} holds no private key in PEM format`);
}

function parsed<T>(parse: () => T, otherwise: string): T {
  try {
    return parse();
  } catch (error) {
    throw new Error(`${otherwise} (${messageOf(error)})`, { cause: error });
  }
}
