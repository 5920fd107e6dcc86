import { findLocalChannelAmong, type LocalChannel } from "./auth/channels.ts";
import type { Identity } from "./auth/identity.ts";
import type { Broadcaster } from "./broadcasters/broadcaster.ts";
import type { Clock } from "./clock.ts";
import { closings } from "./close-codes.ts";
import { connect } from "./commands/connect.ts";
import type { CommandContext } from "./commands/context.ts";
import { disconnect, type DisconnectMode } from "./commands/disconnect.ts";
import { dispatch } from "./commands/dispatch.ts";
import { Hub } from "./hub/hub.ts";
import type { Service } from "./lifecycle.ts";
import type { Logger } from "./logger.ts";
import type { Metrics } from "./metrics/metrics.ts";
import type { Protocol } from "./protocols/protocol.ts";
import { acceptBroadcasts } from "./publications/publish.ts";
import type { Pubsub } from "./pubsub/pubsub.ts";
import type { Controller, DisconnectRequest } from "./rpc/controller.ts";
import type { DisconnectQueue } from "./rpc/disconnect-queue.ts";
import { encodings } from "./session/encoding.ts";
import { Flusher } from "./session/flusher.ts";
import { Heartbeat, heartbeatFor, type HeartbeatOptions } from "./session/heartbeat.ts";
import { Pings } from "./session/pings.ts";
import { Session, type SessionContext } from "./session/session.ts";
import { Sessions } from "./session/sessions.ts";
import { TimerWheel } from "./session/timer-wheel.ts";
import type { Accept, ClientEnv, Handshake } from "./transports/transport.ts";

/** Everything that a cable is made of. Each part is a port; who implements it is decided by whoever assembles the server. */
export interface CableParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Makes the id of each session; MUST be unguessable. */
  readonly newSid: () => string;
  /** From 0 to 1. */
  readonly random: () => number;
  /** The protocol of a negotiated subprotocol name; the empty name is a client without one. */
  readonly protocolNamed: (name: string) => Protocol;
  readonly identities: readonly Identity[];
  readonly localChannels: readonly LocalChannel[];
  readonly controller: Controller;
  /** What of a client's request the application gets to see. */
  readonly clientEnv: (handshake: Handshake) => ClientEnv;
  readonly pubsub: Pubsub;
  readonly broadcasters: readonly Broadcaster[];
  /** Makes the Disconnect calls. */
  readonly disconnects: DisconnectQueue;
  readonly disconnectMode: DisconnectMode;
  readonly heartbeat: HeartbeatOptions;
  /** Most subscriptions of one connection. */
  readonly maxSubscriptions: number;
  /** Bytes that may wait for a client before it counts as too slow; 0 = any. */
  readonly maxPendingBytes: number;
  /** How long a write may take; 0 = for ever. */
  readonly writeTimeoutMs: number;
}

/** The cable: sessions, commands, hub and publications joined. Transports hand it their connections. */
export interface Cable {
  readonly accept: Accept;
  /** In order of start. */
  readonly services: readonly Service[];
}

export function createCable(parts: CableParts): Cable {
  const { clock, logger, metrics, pubsub } = parts;
  const flusher = new Flusher(clock, metrics);
  const hub = new Hub(pubsub, flusher, metrics);
  const sessions = new Sessions();
  const encodingOf = encodings();
  const context: CommandContext = {
    hub,
    logger,
    metrics,
    clock,
    controller: parts.controller,
    identities: parts.identities,
    findLocalChannel: findLocalChannelAmong(parts.localChannels),
    publish: (publication) => pubsub.publish(publication),
    maxSubscriptions: parts.maxSubscriptions,
  };
  const ending = {
    hub,
    disconnectMode: parts.disconnectMode,
    enqueue: (request: DisconnectRequest): void => parts.disconnects.enqueue(request),
  };
  const sessionContext: SessionContext = {
    clock,
    logger,
    metrics,
    flusher,
    wheel: new TimerWheel(clock),
    pings: new Pings(clock),
    random: parts.random,
    maxPendingBytes: parts.maxPendingBytes,
    writeTimeoutMs: parts.writeTimeoutMs,
    nativePings: parts.heartbeat.nativePings,
    handler: {
      command: (session, command) => dispatch(context, session, command),
      ended(session, wasOpen) {
        if (wasOpen) disconnect(ending, session);
      },
      gone: (session) => sessions.delete(session),
    },
  };

  const accept: Accept = (connection, handshake) => {
    const encoding = encodingOf(parts.protocolNamed(handshake.protocol), connection.framing);
    const { options, ignored } = heartbeatFor(handshake, parts.heartbeat);
    const session = new Session(sessionContext, connection, {
      sid: parts.newSid(),
      encoding,
      env: parts.clientEnv(handshake),
      heartbeat: new Heartbeat(options, encoding.protocol.answersPings || options.nativePings),
    });
    sessions.add(session);
    if (ignored.length > 0) logger.warn("query parameters ignored: not understood", { sid: session.sid, params: ignored.join(",") });
    if (logger.isDebug) {
      logger.debug("session opening", { sid: session.sid, request_id: handshake.header("x-request-id"), protocol: encoding.protocol.name });
    }
    void connect(context, session, handshake);
    return session;
  };

  const broadcasts = acceptBroadcasts({ pubsub, local: hub, clock, metrics, logger });
  return {
    accept,
    services: [
      { name: "rpc", start: async () => parts.controller.start?.(), stop: async () => parts.controller.stop?.() },
      parts.disconnects,
      { name: `pubsub ${pubsub.name}`, start: () => pubsub.start(hub), stop: () => pubsub.stop() },
      {
        name: "sessions",
        stop(deadline) {
          parts.disconnects.hurry();
          return sessions.closeAll(closings.serverRestart, deadline);
        },
      },
      ...parts.broadcasters.map((broadcaster) => ({
        name: `broadcaster ${broadcaster.name}`,
        start: () => broadcaster.start(broadcasts(broadcaster.reach)),
        stop: () => broadcaster.stop(),
      })),
    ],
  };
}
