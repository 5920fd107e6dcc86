/** @module The parts of Ropeway, for embedding. Adapters of the ports are chosen by whoever assembles a server. */
export { createServer, type Server, type ServerParts } from "./server.ts";
export { inProcessController, type CommandVerdict, type ConnectVerdict, type InProcessApplication } from "./rpc/in-process.ts";
export { systemClock, type Clock, type Timer } from "./clock.ts";
export { closings, transportCloseCodes, type Closing, type ClosingName } from "./close-codes.ts";
export { CableError, errorCodes, type ErrorCode } from "./errors.ts";
export { startAll, stopAll, type Service } from "./lifecycle.ts";
export { silentLogger, type Logger, type LogFields } from "./logger.ts";
export { createMetrics, type Metrics } from "./metrics/metrics.ts";
export type {
  Accept,
  ClientEnv,
  Connection,
  ConnectionListener,
  Ending,
  Frame,
  Framing,
  Handshake,
  Transport,
} from "./transports/transport.ts";
export type { Payload, Protocol } from "./protocols/protocol.ts";
export type { ClientCommand, ServerMessage } from "./protocols/messages.ts";
export type { Identity, IdentityAnswer } from "./auth/identity.ts";
export type { LocalChannel, LocalChannelAnswer } from "./auth/channels.ts";
export type { CommandAnswer, CommandRequest, ConnectAnswer, ConnectRequest, Controller, DisconnectRequest } from "./rpc/controller.ts";
export type { Publication, RemoteCommand, StreamPosition } from "./publications/publication.ts";
export type {
  Awaitable,
  Broker,
  BrokerListener,
  HistoryAnswer,
  PresenceInfo,
  PresenceMember,
  PresenceStore,
  Restorable,
  SessionStore,
  StoredSession,
  StoredSubscription,
  StreamHistory,
} from "./broker/broker.ts";
export type { Pubsub, PubsubSink } from "./pubsub/pubsub.ts";
export type { AcceptBroadcast, Broadcaster } from "./broadcasters/broadcaster.ts";
export type { RemoteState } from "./lifecycle.ts";
