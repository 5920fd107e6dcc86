import { experimental } from "@grpc/grpc-js";
import { GrpcConnections } from "./grpc-connections.ts";

type LoadBalancer = experimental.LoadBalancer;
type Helper = experimental.ChannelControlHelper;
type Update = Parameters<LoadBalancer["updateAddressList"]>;

const NAME = "ropeway_round_robin";

/** Channel option that carries the GrpcConnections. The prefix keeps it away from the single connections. */
const OBSERVER_OPTION = `${experimental.SUBCHANNEL_ARGS_EXCLUDE_KEY_PREFIX}.ropeway_connections`;

/** What a channel needs to be told so that it spreads its calls over all servers, one after another, and tells `connections` how they are. */
export function roundRobinOptions(connections: GrpcConnections): Readonly<Record<string, unknown>> {
  experimental.registerLoadBalancerType(NAME, ObservedRoundRobin, ObservedRoundRobinConfig);
  return { "grpc.service_config": JSON.stringify({ loadBalancingConfig: [{ [NAME]: {} }] }), [OBSERVER_OPTION]: connections };
}

class ObservedRoundRobinConfig implements experimental.TypedLoadBalancingConfig {
  static createFromJson(): ObservedRoundRobinConfig {
    return new ObservedRoundRobinConfig();
  }

  getLoadBalancerName(): string {
    return NAME;
  }

  toJsonObject(): object {
    return { [NAME]: {} };
  }
}

/** The library's round robin with somebody looking over its shoulder: it has no other way to say how many connections there are, or what is wrong. */
class ObservedRoundRobin implements LoadBalancer {
  private readonly child: LoadBalancer;
  private connections: GrpcConnections | undefined;

  constructor(helper: Helper) {
    this.child = new experimental.ChildLoadBalancerHandler(
      experimental.createChildChannelControlHelper(helper, {
        createSubchannel: (address, options) => {
          const connection = helper.createSubchannel(address, options);
          if (this.connections) connection.addConnectivityStateListener(this.connections.connectionListener);
          return connection;
        },
        updateState: (state, picker, error) => {
          this.connections?.stateChanged(state, error);
          helper.updateState(state, picker, error);
        },
      }),
    );
  }

  updateAddressList(...[endpoints, , options, note]: Update): boolean {
    const observer: unknown = options[OBSERVER_OPTION];
    if (observer instanceof GrpcConnections) this.connections = observer;
    return this.child.updateAddressList(endpoints, experimental.parseLoadBalancingConfig({ round_robin: {} }), options, note);
  }

  exitIdle(): void {
    this.child.exitIdle();
  }

  resetBackoff(): void {
    this.child.resetBackoff();
  }

  destroy(): void {
    this.child.destroy();
  }

  getTypeName(): string {
    return NAME;
  }
}
