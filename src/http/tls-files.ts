import type { X509Certificate } from "node:crypto";
import { promises, readFileSync } from "node:fs";
import type { Clock, Timer } from "../clock.ts";
import { CableError, messageOf } from "../errors.ts";
import type { Service } from "../lifecycle.ts";
import type { Logger } from "../logger.ts";
import { certificateOf, type TlsCertificate, type TlsPair } from "./tls-certificate.ts";

export interface TlsFilesOptions {
  /** PEM file: the certificate, then those that lead to a known authority. */
  readonly certPath: string;
  /** PEM file, without passphrase. May be the same file. */
  readonly keyPath: string;
  /** Milliseconds between two looks at the files. Default 2,000; a look reads both, which costs about 0.1 ms off the main thread. */
  readonly checkIntervalMs?: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * A certificate and its key from files that are looked at again and again, so that renewed ones are used without a restart. Whole files
 * are compared: symbolic links that are switched, renames and writes in place all count, and times and inode numbers can't mislead. Only
 * a pair that fits together is taken. Until one is there the last stays in use, with a warning when that lasts longer than one look:
 * whoever replaces two files does it one after the other.
 * @throws {CableError} `config.unreadable_file`, `config.invalid_value`
 */
export function tlsFiles(options: TlsFilesOptions): TlsCertificate & Service {
  return new TlsFiles(options);
}

class TlsFiles implements TlsCertificate, Service {
  readonly name = "tls certificate";
  readonly #options: TlsFilesOptions;
  readonly #names: TlsPair;
  readonly #users = new Set<(pair: TlsPair) => void>();
  #pair: TlsPair;
  #problem: string | undefined;
  #isWarned = false;
  #isRunning = false;
  #timer: Timer | undefined;

  constructor(options: TlsFilesOptions) {
    const { certPath, keyPath } = options;
    this.#options = options;
    this.#names = { cert: `ssl_cert (${certPath})`, key: `ssl_key (${keyPath})` };
    this.#pair = { cert: readNow(certPath, "ssl_cert"), key: readNow(keyPath, "ssl_key") };
    try {
      this.#tell(certificateOf(this.#pair, this.#names), { isFirst: true });
    } catch (error) {
      throw new CableError("config.invalid_value", messageOf(error), { cause: error });
    }
  }

  get pair(): TlsPair {
    return this.#pair;
  }

  onReplaced(use: (pair: TlsPair) => void): () => void {
    this.#users.add(use);
    return () => this.#users.delete(use);
  }

  async start(): Promise<void> {
    this.#isRunning = true;
    this.#checkLater();
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    this.#timer?.cancel();
  }

  #checkLater(): void {
    if (!this.#isRunning) return;
    const { clock, checkIntervalMs = 2_000 } = this.#options;
    this.#timer = clock.after(checkIntervalMs, () => void this.#check().then(() => this.#checkLater()));
  }

  /** Does not reject. */
  async #check(): Promise<void> {
    const { certPath, keyPath } = this.#options;
    try {
      const [cert, key] = await Promise.all([promises.readFile(certPath, "utf8"), promises.readFile(keyPath, "utf8")]);
      if (cert !== this.#pair.cert || key !== this.#pair.key) this.#replace({ cert, key });
      this.#problem = undefined;
      this.#isWarned = false;
    } catch (error) {
      this.#warnOfLasting(messageOf(error));
    }
  }

  #replace(pair: TlsPair): void {
    const certificate = certificateOf(pair, this.#names);
    this.#pair = pair;
    for (const use of this.#users) use(pair);
    this.#tell(certificate, { isFirst: false });
  }

  #warnOfLasting(problem: string): void {
    if (problem === this.#problem && !this.#isWarned) {
      this.#isWarned = true;
      this.#options.logger.warn("The TLS files changed and can't be used: the certificate that was loaded before stays in use", {
        problem,
      });
    }
    if (problem !== this.#problem) this.#isWarned = false;
    this.#problem = problem;
  }

  #tell({ subjectAltName, validFrom, validTo, fingerprint256 }: X509Certificate, { isFirst }: { readonly isFirst: boolean }): void {
    const { logger, clock } = this.#options;
    logger.info(isFirst ? "TLS certificate loaded" : "TLS certificate replaced: new connections get the new one", {
      names: subjectAltName,
      valid_to: validTo,
      sha256: fingerprint256,
    });
    const now = clock.nowMs();
    if (now < Date.parse(validFrom) || now > Date.parse(validTo)) {
      logger.warn("The TLS certificate is not valid today: clients will refuse it", { valid_from: validFrom, valid_to: validTo });
    }
  }
}

function readNow(path: string, option: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new CableError("config.unreadable_file", `${option}: ${messageOf(error)}`, { cause: error });
  }
}
