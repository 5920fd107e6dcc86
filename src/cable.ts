import { findLocalChannelAmong, type LocalChannel } from "./auth/channels.ts";
import type { Identity } from "./auth/identity.ts";
import type { Broadcaster } from "./broadcasters/broadcaster.ts";
import type { Broker } from "./broker/broker.ts";
import type { Clock } from "./clock.ts";
import { closings } from "./close-codes.ts";
import { connect } from "./commands/connect.ts";
import type { CommandContext } from "./commands/context.ts";
import { disconnect, isTold, type DisconnectMode, type EndingContext } from "./commands/disconnect.ts";
import { dispatch } from "./commands/dispatch.ts";
import { asksForSomething } from "./commands/history.ts";
import { announceLeave } from "./commands/presence.ts";
import { Hub } from "./hub/hub.ts";
import type { AddressLimits } from "./limits/address-limits.ts";
import { isUnlimited, Meter, type Rates } from "./limits/meter.ts";
import { messageOf } from "./errors.ts";
import type { Service } from "./lifecycle.ts";
import type { Logger } from "./logger.ts";
import type { Metrics } from "./metrics/metrics.ts";
import type { Protocol } from "./protocols/protocol.ts";
import type { Publication, RemoteCommand } from "./publications/publication.ts";
import { acceptBroadcasts, passOnThrough } from "./publications/publish.ts";
import type { Pubsub, PubsubSink } from "./pubsub/pubsub.ts";
import { recovery, type Recovery } from "./recovery/recovery.ts";
import { signsOfLife } from "./recovery/signs-of-life.ts";
import type { Controller } from "./rpc/controller.ts";
import { DisconnectGrace } from "./rpc/disconnect-grace.ts";
import type { DisconnectQueue } from "./rpc/disconnect-queue.ts";
import { encodings } from "./session/encoding.ts";
import { Flusher } from "./session/flusher.ts";
import { Heartbeat, heartbeatFor, type HeartbeatOptions } from "./session/heartbeat.ts";
import { Pings } from "./session/pings.ts";
import type { SessionContext } from "./session/context.ts";
import { Session } from "./session/session.ts";
import { Sessions } from "./session/sessions.ts";
import { TimerWheel } from "./session/timer-wheel.ts";
import { untraced, type Tracing } from "./tracing/tracing.ts";
import type { Accept, Admits, ClientEnv, Handshake } from "./transports/transport.ts";

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
  /** Keeps history, sessions and presence. Default: nobody does. */
  readonly broker?: Broker | undefined;
  /** Whether anybody may be present in a stream. Default: yes. */
  readonly allowsPresence?: ((stream: string) => boolean) | undefined;
  readonly broadcasters: readonly Broadcaster[];
  /** Makes the Disconnect calls. */
  readonly disconnects: DisconnectQueue;
  readonly disconnectMode: DisconnectMode;
  /** How long a client that can be restored has for coming back before the application hears of its end, ms; 0 = none. */
  readonly disconnectGraceMs: number;
  readonly heartbeat: HeartbeatOptions;
  /** Most subscriptions of one connection. */
  readonly maxSubscriptions: number;
  /** What one connection may send per second. */
  readonly rates: Rates;
  /** What all connections of an address may do together; undefined = anything. */
  readonly addressLimits: AddressLimits | undefined;
  /** Bytes that may wait for a client before it counts as too slow; 0 = any. */
  readonly maxPendingBytes: number;
  /** How long a write may take; 0 = for ever. */
  readonly writeTimeoutMs: number;
  /** Default: nobody keeps a record of where time goes. */
  readonly tracing?: Tracing | undefined;
}

/** The cable: sessions, commands, hub and publications joined. Transports hand it their connections. */
export interface Cable {
  readonly accept: Accept;
  /** Absent while addresses are not limited. */
  readonly admits: Admits | undefined;
  /**
   * Passes a publication on to all nodes, stored first where it is to be kept. @throws {CableError} `publication.unavailable`
   */
  readonly publish: (publication: Publication) => Promise<void> | void;
  /** In order of start. */
  readonly services: readonly Service[];
}

export function createCable(parts: CableParts): Cable {
  const { clock, logger, metrics, random, broker, tracing = untraced } = parts;
  const pubsub = tracing.pubsub(parts.pubsub);
  const publish = passOnThrough(pubsub, broker?.history);
  const flusher = new Flusher(clock, metrics);
  const wheel = new TimerWheel(clock);
  const sessions = new Sessions();
  const encodingOf = encodings();
  const shared = { clock, logger, metrics, random };
  const recovering: Recovery | undefined =
    broker?.history &&
    recovery({
      ...shared,
      history: broker.history,
      pubsub,
      deliver: (publication) => delivery.deliver(publication),
      hub: () => hub,
      wheel,
    });
  const hub = new Hub(recovering?.interest ?? pubsub, flusher, metrics);
  const delivery = tracing.delivery(hub);
  const grace = new DisconnectGrace({
    ...shared,
    graceMs: parts.disconnectGraceMs,
    tell: (request) => parts.disconnects.enqueue(request),
    cameBack: (sid) => broker?.sessions?.wasTaken(sid) ?? false,
  });
  const ending: EndingContext = {
    hub,
    logger,
    sessions: broker?.sessions,
    presence: broker?.presence,
    disconnectMode: parts.disconnectMode,
    tell: (request) => parts.disconnects.enqueue(request),
    grace,
  };
  const supersedeHere = (sid: string): void => {
    grace.cancel(sid);
    sessions.withSid(sid)?.close(closings.superseded);
  };
  const context: CommandContext = {
    ...shared,
    hub,
    controller: parts.controller,
    identities: parts.identities,
    findLocalChannel: findLocalChannelAmong(parts.localChannels),
    publish,
    recovery: recovering,
    sessions: broker?.sessions,
    presence: broker?.presence,
    allowsPresence: parts.allowsPresence ?? (() => true),
    supersede(sid, stored) {
      supersedeHere(sid);
      // Else no other node has anything to end: neither a connection nor a call to the application that still waits.
      if (stored.hasLeft !== true || isTold(parts.disconnectMode, stored)) tellNodes(pubsub, { command: "supersede", sid }, logger);
    },
    ended: (session) => disconnect(ending, session, BROKEN),
    onFailure: tracing.commandFailed,
    maxSubscriptions: parts.maxSubscriptions,
  };
  const openSession = tracing.openSession((session, handshake) => connect(context, session, handshake));
  const sink: PubsubSink = {
    // What comes back tells a publisher whether there is something to wait for: how many heard it is none of its business.
    deliver: (publication) => {
      (recovering ?? delivery).deliver(publication);
    },
    execute: (command) => (command.command === "supersede" ? supersedeHere(command.sid) : delivery.execute(command)),
    missed: () => recovering?.missed(),
  };
  const sessionContext: SessionContext = {
    ...shared,
    flusher,
    wheel,
    pings: new Pings(clock),
    maxPendingBytes: parts.maxPendingBytes,
    writeTimeoutMs: parts.writeTimeoutMs,
    nativePings: parts.heartbeat.nativePings,
    handler: {
      command: tracing.carryOut((session, command) => dispatch(context, session, command)),
      historyAsked(session, { identifier, history }) {
        const subscription = session.subscriptions.get(identifier);
        if (subscription && asksForSomething(history)) recovering?.asked(session, subscription);
      },
      ended(session, wasOpen, departure) {
        if (wasOpen) disconnect(ending, session, departure);
      },
      gone(session) {
        sessions.delete(session);
        if (session.address !== undefined) parts.addressLimits?.leave(session.address);
      },
    },
  };

  const isMetered = !isUnlimited(parts.rates) || parts.addressLimits !== undefined;
  const meterOf = (address: string | undefined): Meter | undefined =>
    isMetered
      ? new Meter(parts.rates, clock.monotonicMs(), address === undefined ? undefined : parts.addressLimits?.enter(address))
      : undefined;

  const accept: Accept = (connection, handshake) => {
    const encoding = encodingOf(parts.protocolNamed(handshake.protocol), connection.framing);
    const { options, ignored } = heartbeatFor(handshake, parts.heartbeat);
    // Asked for only when it counts, and once: it costs a system call.
    const address = parts.addressLimits && handshake.remoteAddress;
    const session = new Session(sessionContext, connection, {
      sid: parts.newSid(),
      encoding,
      env: parts.clientEnv(handshake),
      heartbeat: new Heartbeat(options, encoding.protocol.answersPings || options.nativePings),
      meter: meterOf(address),
      address,
    });
    sessions.add(session);
    if (ignored.length > 0) logger.warn("query parameters ignored: not understood", { sid: session.sid, params: ignored.join(",") });
    if (logger.isDebug) {
      logger.debug("session opening", { sid: session.sid, request_id: handshake.header("x-request-id"), protocol: encoding.protocol.name });
    }
    void openSession(session, handshake);
    return session;
  };

  const { addressLimits } = parts;
  const admits =
    addressLimits &&
    ((address: string): boolean => {
      const isAdmitted = addressLimits.admits(address);
      if (!isAdmitted) metrics.counters.limited_connects_total++;
      return isAdmitted;
    });

  const broadcasts = acceptBroadcasts({
    passOn: publish,
    pubsub,
    local: {
      deliver: (publication) => {
        delivery.deliver(publication);
      },
      execute: (command) => delivery.execute(command),
    },
    clock,
    metrics,
    logger,
  });
  return {
    accept,
    admits,
    publish,
    services: [
      ...parts.identities.map((identity) => ({
        name: "identity",
        start: async () => identity.start?.(),
        stop: async () => identity.stop?.(),
      })),
      { name: "rpc", start: async () => parts.controller.start?.(), stop: async () => parts.controller.stop?.() },
      parts.disconnects,
      ...(broker ? [{ name: `broker ${broker.name}`, start: () => broker.start({ ...sink, expired }), stop: () => broker.stop() }] : []),
      { name: `pubsub ${pubsub.name}`, start: () => pubsub.start(sink), stop: () => pubsub.stop() },
      signsOfLife({ ...shared, all: () => sessions.all(), sessions: broker?.sessions, presence: broker?.presence }),
      {
        name: "sessions",
        stop(deadline) {
          parts.disconnects.hurry();
          grace.flush();
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

  function expired(stream: string, id: string): void {
    void quietly(logger, "A client's leave could not be announced", () => announceLeave(context, stream, id));
  }
}

/** How a connection ends that nobody ended. */
const BROKEN = { ending: { code: 1006, clean: false } } as const;

function tellNodes(pubsub: Pubsub, command: RemoteCommand, logger: Logger): void {
  void quietly(logger, "A command could not be passed on to the other nodes", () => pubsub.command(command));
}

async function quietly(logger: Logger, message: string, act: () => Promise<void> | void): Promise<void> {
  try {
    await act();
  } catch (error) {
    logger.warn(message, { error: messageOf(error) });
  }
}
