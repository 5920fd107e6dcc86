import { Channel, credentials, type ChannelOptions } from "@grpc/grpc-js";
import { CableError } from "../errors.ts";
import type { CallSignal } from "../internal/cancellation.ts";
import { silentLogger, type Logger } from "../logger.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { CommandAnswer, CommandRequest, ConnectAnswer, ConnectRequest, Controller, DisconnectRequest } from "./controller.ts";
import { roundRobinOptions } from "./grpc-balancer.ts";
import { callMetadata, unaryCall, type RunningCall } from "./grpc-call.ts";
import { GrpcConnections } from "./grpc-connections.ts";
import { readCommand, readConnect, readDisconnect, writeCommand, writeConnect, writeDisconnect } from "./grpc-messages.ts";
import { LIST_SCHEME, registerListResolver } from "./grpc-resolver.ts";
import { hostOf, parseGrpcTarget } from "./grpc-target.ts";
import { tlsCredentials, type GrpcTlsOptions } from "./grpc-tls.ts";

export interface GrpcControllerOptions {
  /** Where the application's servers are (`rpc_host`); see parseGrpcTarget. */
  readonly target: string;
  /** Present = TLS. Default: none. */
  readonly tls?: GrpcTlsOptions | undefined;
  /** Longest answer taken, bytes. 0, the default: 4 MiB, the limit of gRPC everywhere. */
  readonly maxReceiveBytes?: number;
  /** Longest request sent, bytes. 0, the default: no limit. Leave it unless the servers have one. */
  readonly maxSendBytes?: number;
  /**
   * Milliseconds between the pings that show whether a connection is still alive; one that is not answered within as long again (10 s at
   * most) ends it. Default 10,000, as in AnyCable. Servers close connections that ping them too often.
   */
  readonly keepaliveMs?: number;
  readonly logger?: Logger;
  readonly metrics?: Metrics;
}

const DEFAULT_MAX_RECEIVE_BYTES = 4 * 1024 * 1024;
const NEVER_MS = 2 ** 31 - 1;
/** The library hands on no codes, only what was said. */
const tlsFailure = /certificate|altnames|SSL routines|CERT_|_CERT/;

/**
 * Asks the application over gRPC, by the contract of `proto/rpc.proto`: one connection per server, calls spread over them in turn.
 * Reconnects for ever, within a second of the server's return; calls wait meanwhile, until their signal fires.
 *
 * @throws {CableError} `config.invalid_value`, `config.unreadable_file`
 */
export function grpcController(options: GrpcControllerOptions): Controller {
  return new GrpcController(options);
}

class GrpcController implements Controller {
  readonly needsEnv = true;
  readonly system = "grpc";
  private readonly channel: Channel;
  private readonly connections: GrpcConnections;
  private readonly running = new Set<RunningCall>();
  private readonly target: string;
  private readonly maxSendBytes: number;
  private isStopped = false;

  constructor(options: GrpcControllerOptions) {
    this.target = options.target.trim();
    const members = parseGrpcTarget(this.target);
    registerListResolver();
    this.maxSendBytes = options.maxSendBytes || Infinity;
    this.connections = new GrpcConnections(this.target, options.logger ?? silentLogger);
    this.connections.onUnreachable = (failure) => this.failOverTls(failure);
    const secrets = options.tls ? tlsCredentials(options.tls, members.map(hostOf)) : credentials.createInsecure();
    const address = this.target.startsWith(`${LIST_SCHEME}:`) ? this.target : `${LIST_SCHEME}:${this.target}`;
    this.channel = new Channel(address, secrets, {
      ...channelOptions(options),
      ...roundRobinOptions(this.connections),
    });
    if (options.metrics) options.metrics.gauges.grpc_active_conn_num = () => this.connections.count;
  }

  connect(request: ConnectRequest, signal: CallSignal): Promise<ConnectAnswer> {
    return this.call("/anycable.RPC/Connect", request, writeConnect, readConnect, signal);
  }

  command(request: CommandRequest, signal: CallSignal): Promise<CommandAnswer> {
    return this.call("/anycable.RPC/Command", request, writeCommand, readCommand, signal);
  }

  disconnect(request: DisconnectRequest, signal: CallSignal): Promise<void> {
    return this.call("/anycable.RPC/Disconnect", request, writeDisconnect, readDisconnect, signal);
  }

  async start(): Promise<void> {
    this.channel.getConnectivityState(true);
  }

  /** Calls that are still running are given up. */
  async stop(): Promise<void> {
    this.isStopped = true;
    for (const call of this.running) call.fail(new CableError("rpc.canceled", "the call was given up: Ropeway is stopping"));
    this.channel.close();
  }

  isReachable(): boolean {
    return this.connections.count > 0;
  }

  private async call<Request extends ConnectRequest, Answer>(
    path: string,
    request: Request,
    write: (request: Request) => Buffer,
    read: (bytes: Uint8Array) => Answer,
    signal: CallSignal,
  ): Promise<Answer> {
    if (signal.aborted) throw new CableError("rpc.canceled", "the call was given up before it was made");
    if (this.isStopped) throw new CableError("rpc.failed", "the call can't be made: the controller was stopped");
    const bytes = write(request);
    if (bytes.length > this.maxSendBytes) {
      throw new CableError("rpc.failed", `the request of ${bytes.length} bytes is over rpc_max_call_send_size (${this.maxSendBytes})`);
    }
    const call = this.channel.createCall(path, Infinity, undefined, null, undefined);
    return unaryCall(call, {
      running: this.running,
      signal,
      request: bytes,
      metadata: callMetadata(request),
      read,
      hindrance: this.hindrance,
    });
  }

  private readonly hindrance = (): string => {
    if (this.connections.count > 0) return "";
    return `no connection to ${this.target}${this.connections.failure === undefined ? "" : ` (${this.connections.failure})`}`;
  };

  /** Waiting doesn't mend a certificate. */
  private failOverTls(failure: string): void {
    if (!tlsFailure.test(failure)) return;
    const error = new CableError("rpc.unauthenticated", `TLS with the application's RPC server at ${this.target} failed: ${failure}`);
    for (const call of this.running) call.fail(error);
  }
}

function channelOptions(options: GrpcControllerOptions): ChannelOptions {
  const { keepaliveMs = 10_000 } = options;
  return {
    "grpc.keepalive_time_ms": keepaliveMs,
    "grpc.keepalive_timeout_ms": Math.min(keepaliveMs, 10_000),
    "grpc.keepalive_permit_without_calls": 1,
    // An idle channel would let go of its connections, and the next client would wait for new ones.
    "grpc.client_idle_timeout_ms": NEVER_MS,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 500,
    // How soon names are looked up again after connections were lost.
    "grpc.dns_min_time_between_resolutions_ms": 1_000,
    "grpc.service_config_disable_resolution": 1,
    "grpc.max_receive_message_length": options.maxReceiveBytes || DEFAULT_MAX_RECEIVE_BYTES,
    // The length of requests is checked here, for a better error than the library's.
    "grpc.max_send_message_length": -1,
    // `http_proxy` is set in many containers, and the application is next door.
    "grpc.enable_http_proxy": 0,
    // Not shared with anybody else in the process: their options are not ours.
    "grpc.use_local_subchannel_pool": 1,
    // Bookkeeping for every call that nobody reads.
    "grpc.enable_channelz": 0,
  };
}
