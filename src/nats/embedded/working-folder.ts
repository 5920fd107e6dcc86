import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { natsConfiguration } from "./configuration.ts";
import type { EmbeddedNatsOptions } from "./options.ts";

/**
 * A temporary folder that only our user can read: the configuration file, which may have passwords, and the store of JetStream unless
 * that has a place of its own.
 */
export class WorkingFolder {
  #path: string | undefined;

  /** Writes the configuration. Some systems clear away what is old in /tmp; then there is a new folder, since anybody may have made one of the old name. */
  prepare(options: EmbeddedNatsOptions): { readonly folder: string; readonly configFile: string } {
    if (this.#path === undefined || !existsSync(this.#path)) this.#path = mkdtempSync(join(tmpdir(), "ropeway-nats-"));
    const configFile = join(this.#path, "nats-server.conf");
    const storeDir = resolve(options.jetStream?.storeDir ?? join(this.#path, "jetstream"));
    writeFileSync(configFile, natsConfiguration(options, storeDir), { mode: 0o600 });
    return { folder: this.#path, configFile };
  }

  /** When nobody can wait: the passwords only. */
  clear(): void {
    if (this.#path !== undefined) rmSync(join(this.#path, "nats-server.conf"), { force: true });
  }

  async remove(): Promise<void> {
    const path = this.#path;
    this.#path = undefined;
    if (path !== undefined) await rm(path, { recursive: true, force: true });
  }
}
