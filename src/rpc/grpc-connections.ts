import { connectivityState, type experimental } from "@grpc/grpc-js";
import type { Logger } from "../logger.ts";

/**
 * What is known of the connections to the application's servers: how many stand, and why not when none does. Says in the log, once per
 * outage, that the application can't be reached, and that it is back.
 */
export class GrpcConnections {
  /** Connections that calls can use. */
  count = 0;
  /** Why no connection could be made lately; undefined while there is one, and before the first failure. */
  failure: string | undefined;
  /** Called at each attempt in vain, while no server can be reached. */
  onUnreachable: (failure: string) => void = () => {};
  private readonly target: string;
  private readonly logger: Logger;
  private isOutage = false;
  private lastConnectError: string | undefined;
  /** Those of which the log has said that they can't be made. */
  private readonly failing = new WeakSet<experimental.SubchannelInterface>();

  /** Told by each connection. One function for good: the library keeps listeners in a set, and hands out the same connection more than once. */
  readonly connectionListener: experimental.ConnectivityStateListener = (connection, before, now, _keepaliveMs, error) => {
    if (before === connectivityState.READY) this.count--;
    if (now === connectivityState.READY) {
      this.count++;
      this.failing.delete(connection);
      this.logger.debug("rpc server connected", { address: connection.getAddress() });
    } else if (error !== undefined) {
      this.lastConnectError = error.replace(/^Error: /, "");
      if (this.failing.has(connection)) return;
      this.failing.add(connection);
      this.logger.debug("rpc server can't be reached; trying on", { address: connection.getAddress(), error: this.lastConnectError });
    }
  };

  constructor(target: string, logger: Logger) {
    this.target = target;
    this.logger = logger;
  }

  /** All servers together changed. */
  stateChanged(now: connectivityState, error: string | null): void {
    if (now === connectivityState.READY) {
      this.failure = undefined;
      this.lastConnectError = undefined;
      if (this.isOutage) this.logger.info("the application can be reached again", { target: this.target });
      this.isOutage = false;
    } else if (now === connectivityState.TRANSIENT_FAILURE) {
      // What one server said is plainer than what the balancer makes of it; without any server it is the name that failed.
      this.failure = this.lastConnectError ?? error ?? "no connection";
      if (!this.isOutage) {
        this.logger.warn("the application can't be reached; trying on", { target: this.target, error: this.failure });
      }
      this.isOutage = true;
      this.onUnreachable(this.failure);
    }
  }
}
