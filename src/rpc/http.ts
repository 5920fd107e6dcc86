import { Agent as PlainAgent, request as plainRequest, type ClientRequest } from "node:http";
import { Agent as TlsAgent, request as tlsRequest } from "node:https";
import { CableError } from "../errors.ts";
import type { TraceContext } from "../internal/trace-context.ts";
import type { CallSignal } from "../internal/cancellation.ts";
import { silentLogger, type Logger } from "../logger.ts";
import type { CommandAnswer, CommandRequest, ConnectAnswer, ConnectRequest, Controller, DisconnectRequest } from "./controller.ts";
import { httpCall, type RunningHttpCall } from "./http-call.ts";
import { readHttpEndpoint, type HttpEndpoint } from "./http-endpoint.ts";
import { readCommand, readConnect, readDisconnect, writeCommand, writeConnect, writeDisconnect } from "./http-messages.ts";
import { DEFAULT_CONCURRENCY } from "./limit.ts";
import { readRootCertificates } from "./root-certificates.ts";

export interface HttpControllerOptions {
  /** Where the application takes its calls (`rpc_host`), `http://localhost:3000/_anycable` for one; see readHttpEndpoint. */
  readonly url: string;
  /**
   * The key that the application knows us by (`http_rpc_secret`, or derived from `secret`). It takes the place of a user and password in
   * the URL. Default: none; then everybody who reaches the application's endpoint can play Ropeway.
   */
  readonly key?: string | undefined;
  readonly tls?: HttpTlsOptions;
  /** Connections at the same time. More calls than that wait for one. Default 28, as `rpc_concurrency`. */
  readonly maxConnections?: number;
  /**
   * How long a connection without calls is kept, milliseconds. Default 4,000: application servers close theirs after 5 s or later, and a
   * call sent at that very moment would be lost. A server that announces a shorter time (`Keep-Alive: timeout=3`) is believed. Longer
   * saves connecting anew after a quiet moment, if every server and proxy on the way keeps connections longer still.
   */
  readonly keepIdleMs?: number;
  /** Longest answer taken, bytes. 0, the default: 4 MiB, as for gRPC. */
  readonly maxReceiveBytes?: number;
  /** Longest request sent, bytes. 0, the default: no limit. */
  readonly maxSendBytes?: number;
  /** Default `Ropeway`. */
  readonly userAgent?: string;
  readonly logger?: Logger;
}

export interface HttpTlsOptions {
  /** Certificates to trust instead of those that Node.js brings along: the path of a PEM file, or the PEM text itself. Default: none. */
  readonly rootCa?: string | undefined;
  /** Whether the server must prove that it is who it should be. Default true. Off, anybody in between can read and answer the calls. */
  readonly verify?: boolean;
}

const DEFAULT_MAX_RECEIVE_BYTES = 4 * 1024 * 1024;

/**
 * Asks the application over HTTP/1.1, by the contract of `proto/rpc.proto` in JSON, as AnyCable 1.6 does: `POST <url>/connect`,
 * `/command` and `/disconnect`. Connections are kept and used again. Nothing is waited for longer than until the signal fires, and nothing is
 * tried again but for a kept connection that the server had closed (see httpCall).
 *
 * @throws {CableError} `config.invalid_value`, `config.unreadable_file`
 */
export function httpController(options: HttpControllerOptions): Controller {
  return new HttpController(options);
}

class HttpController implements Controller {
  readonly needsEnv = true;
  readonly system = "http";
  private readonly endpoint: HttpEndpoint;
  private readonly agent: PlainAgent;
  /** Names and values in turn, as they are for every call. */
  private readonly headers: readonly string[];
  private readonly maxReceiveBytes: number;
  private readonly maxSendBytes: number;
  private readonly logger: Logger;
  private readonly running = new Set<RunningHttpCall>();
  private isAway = false;
  private isStopped = false;

  constructor(options: HttpControllerOptions) {
    this.endpoint = readHttpEndpoint(options.url);
    this.agent = agentFor(this.endpoint, options);
    this.headers = headersFor(this.endpoint, options);
    this.maxReceiveBytes = options.maxReceiveBytes || DEFAULT_MAX_RECEIVE_BYTES;
    this.maxSendBytes = options.maxSendBytes || Infinity;
    this.logger = options.logger ?? silentLogger;
  }

  connect(request: ConnectRequest, signal: CallSignal): Promise<ConnectAnswer> {
    return this.call("connect", request, () => writeConnect(request), readConnect, signal);
  }

  command(request: CommandRequest, signal: CallSignal): Promise<CommandAnswer> {
    return this.call("command", request, () => writeCommand(request), readCommand, signal);
  }

  disconnect(request: DisconnectRequest, signal: CallSignal): Promise<void> {
    return this.call("disconnect", request, () => writeDisconnect(request), readDisconnect, signal);
  }

  /** Calls that are still running are given up. */
  async stop(): Promise<void> {
    this.isStopped = true;
    for (const call of this.running) call.fail(new CableError("rpc.canceled", "the call was given up: Ropeway is stopping"));
    this.agent.destroy();
  }

  /** As far as the last call knows. */
  isReachable(): boolean {
    return !this.isAway;
  }

  private async call<Answer>(
    name: string,
    { sid, trace }: ConnectRequest,
    write: () => string,
    read: (body: Buffer) => Answer,
    signal: CallSignal,
  ): Promise<Answer> {
    if (signal.aborted) throw new CableError("rpc.canceled", "the call was given up before it was made");
    if (this.isStopped) throw new CableError("rpc.failed", "the call can't be made: the controller was stopped");
    // As text, Node.js would encode it together with the headers, and those not as Latin-1.
    const body = Buffer.from(write());
    if (body.length > this.maxSendBytes) {
      throw new CableError("rpc.failed", `the request of ${body.length} bytes is over rpc_max_call_send_size (${this.maxSendBytes})`);
    }
    return httpCall({
      request: () => this.request(name, ["x-anycable-meta-sid", sid, "content-length", String(body.length), ...traceHeaders(trace)]),
      dropIdle: this.dropIdle,
      running: this.running,
      signal,
      body,
      maxReceiveBytes: this.maxReceiveBytes,
      url: `${this.endpoint.shown}/${name}`,
      read,
      onOutcome: this.noteOutcome,
    });
  }

  private request(name: string, headers: readonly string[]): ClientRequest {
    const { isTls, hostname, port, pathOf } = this.endpoint;
    return (isTls ? tlsRequest : plainRequest)({
      method: "POST",
      host: hostname,
      port,
      path: pathOf(name),
      headers: [...this.headers, ...headers],
      agent: this.agent,
    });
  }

  private readonly dropIdle = (): void => {
    for (const sockets of Object.values(this.agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
  };

  private readonly noteOutcome = (failure: CableError | undefined): void => {
    const isAway = failure !== undefined;
    if (isAway === this.isAway) return;
    this.isAway = isAway;
    const target = this.endpoint.shown;
    if (isAway) this.logger.warn("the application can't be reached; trying on", { target, error: failure.message });
    else this.logger.info("the application can be reached again", { target });
  };
}

function traceHeaders(trace: TraceContext | undefined): readonly string[] {
  if (trace === undefined) return [];
  const { traceparent, tracestate } = trace;
  return ["traceparent", traceparent, ...(tracestate === undefined ? [] : ["tracestate", tracestate])];
}

function agentFor(
  endpoint: HttpEndpoint,
  { maxConnections = DEFAULT_CONCURRENCY, keepIdleMs = 4_000, tls = {} }: HttpControllerOptions,
): PlainAgent {
  // The agent's timeout ends connections without calls only.
  const pool = { keepAlive: true, maxSockets: maxConnections, maxFreeSockets: maxConnections, timeout: keepIdleMs };
  const ca = tls.rootCa === undefined ? undefined : readRootCertificates(tls.rootCa);
  if (!endpoint.isTls) return new PlainAgent(pool);
  return new TlsAgent({ ...pool, minVersion: "TLSv1.2", rejectUnauthorized: tls.verify !== false, ...(ca !== undefined && { ca }) });
}

function headersFor(endpoint: HttpEndpoint, { key, userAgent = "Ropeway" }: HttpControllerOptions): readonly string[] {
  const authorization = key === undefined ? endpoint.basicCredentials : `Bearer ${headerText(key)}`;
  const headers: readonly (readonly [name: string, value: string])[] = [
    ["host", endpoint.host],
    ["content-type", "application/json"],
    ["accept", "application/json"],
    ["user-agent", userAgent],
    ["x-anycable-meta-protov", "v1"],
  ];
  return [...headers.flat(), ...(authorization === undefined ? [] : ["authorization", authorization])];
}

/** Node.js writes headers as Latin-1; a key is compared byte by byte, and its bytes are UTF-8. */
function headerText(key: string): string {
  const bytes = Buffer.from(key).toString("latin1");
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/u.test(bytes)) {
    throw new CableError(
      "config.invalid_value",
      "http_rpc_secret: has a control character, such as a line break, which no HTTP header can carry",
    );
  }
  return bytes;
}
