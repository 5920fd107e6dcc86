import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { CableError, messageOf } from "../errors.ts";

/**
 * The PEM text of `rpc_tls_root_ca`, which is that text itself or the path of a file with it.
 * @throws {CableError} `config.unreadable_file`, `config.invalid_value`
 */
export function readRootCertificates(rootCa: string): string {
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
