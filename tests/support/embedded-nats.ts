import { execFileSync, spawnSync } from "node:child_process";
import { dirname } from "node:path";
import { connect, type ConnectionOptions, type NatsConnection } from "@nats-io/transport-node";
import { afterEach } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { embeddedNats, type EmbeddedNats } from "../../src/nats/embedded/embedded-nats.ts";
import { placeOf, reachedAt, type EmbeddedNatsOptions, type NatsListen } from "../../src/nats/embedded/options.ts";
import { freePort } from "./free-port.ts";
import { recordedLog, type RecordedLog } from "./recorded-log.ts";

/** A nats-server that Ropeway runs, seen from outside. */
export interface Embedded {
  readonly server: EmbeddedNats;
  readonly log: RecordedLog;
  /** Where clients reach it; without a login. */
  readonly url: string;
  /** Of the process that was ready last. */
  readonly pid: number;
  /** What everybody on the machine can see of that process: its command line. */
  readonly commandLine: string;
  /** Where its configuration file is. */
  readonly folder: string;
}

const plain: Omit<EmbeddedNatsOptions, "listen"> = {
  binary: "nats-server",
  serverName: undefined,
  cluster: undefined,
  gateway: undefined,
  jetStream: undefined,
  maxPayloadBytes: 0,
  isDebug: false,
  isTrace: false,
};

const servers: EmbeddedNats[] = [];
const clients: NatsConnection[] = [];

export async function listenOnFreePort(login?: NatsListen["login"]): Promise<NatsListen> {
  return { host: "127.0.0.1", port: await freePort(), login };
}

/** Not started yet. Stopped after the test. On a free port, unless `listen` says otherwise; without cluster, gateway and JetStream. */
export async function embed(options: Partial<EmbeddedNatsOptions> = {}): Promise<Embedded> {
  const log = recordedLog();
  const nats = { ...plain, listen: await listenOnFreePort(), ...options };
  const server = embeddedNats({ nats, clock: systemClock(), logger: log.logger });
  servers.push(server);
  const embedded: Embedded = {
    server,
    log,
    url: `nats://${placeOf(reachedAt(nats.listen))}`,
    get pid() {
      return Number(log.lines.findLast(({ fields }) => "pid" in fields)?.fields["pid"]);
    },
    get commandLine() {
      return commandLineOf(this.pid);
    },
    get folder() {
      return folderOf(this.pid);
    },
  };
  return embedded;
}

export function commandLineOf(pid: number): string {
  return execFileSync("ps", ["-ww", "-o", "command=", "-p", String(pid)], { encoding: "utf8" }).trim();
}

/** Of the nats-server with this pid. */
export function folderOf(pid: number): string {
  return dirname(/--config (\S+)/.exec(commandLineOf(pid))![1]!);
}

export async function startEmbedded(options?: Partial<EmbeddedNatsOptions>): Promise<Embedded> {
  const embedded = await embed(options);
  await embedded.server.start!();
  return embedded;
}

/** A client that comes back by itself, at once. Closed after the test. */
export async function natsClient(url: string, login: ConnectionOptions = {}): Promise<NatsConnection> {
  const client = await connect({ servers: url, reconnectTimeWait: 20, maxReconnectAttempts: -1, ignoreClusterUpdates: true, ...login });
  clients.push(client);
  return client;
}

export function stopEmbedded(): void {
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
    await Promise.all(servers.splice(0).map((server) => server.stop!(AbortSignal.timeout(5_000))));
  });
}

/** A process that nobody has asked how it ended counts as gone: that is up to its new parent. */
export function isAlive(pid: number): boolean {
  return (
    spawnSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" })
      .stdout.trim()
      .replace(/^Z.*/, "") !== ""
  );
}
