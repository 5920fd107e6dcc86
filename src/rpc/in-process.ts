import { CableError, messageOf } from "../errors.ts";
import type { CallSignal } from "../internal/cancellation.ts";
import type { CommandAnswer, CommandRequest, ConnectAnswer, ConnectRequest, Controller, DisconnectRequest, State } from "./controller.ts";

/** An application in this very process. What a handler leaves out of its answer has its default; a handler that throws is a broken call. */
export interface InProcessApplication {
  /** Who is it? Without this handler nobody may connect, unless an identity says so. */
  connect?(request: ConnectRequest, signal: AbortSignal): Answer<ConnectVerdict>;
  /** `subscribe`, `unsubscribe` and `message`. */
  command(request: CommandRequest, signal: AbortSignal): Answer<CommandVerdict | undefined>;
  /** The client has gone. */
  disconnect?(request: DisconnectRequest): Answer<void>;
}

type Answer<Value> = Value | Promise<Value>;

/** `transmissions` are messages to the client, sent as JSON; by default a `welcome`, or a `disconnect` that says unauthorized. */
export type ConnectVerdict =
  | { readonly status: "accepted"; readonly identifiers: string; readonly transmissions?: readonly unknown[]; readonly cstate?: State }
  | { readonly status: "rejected"; readonly transmissions?: readonly unknown[] };

export interface CommandVerdict {
  /** Default `accepted`. */
  readonly status?: "accepted" | "rejected";
  /** Streams that the subscription hears from now on. */
  readonly streams?: readonly string[];
  readonly stoppedStreams?: readonly string[];
  readonly stopAllStreams?: boolean;
  /** Messages of the channel to this client: each is sent as `{"identifier":…,"message":…}`. */
  readonly messages?: readonly unknown[];
  readonly cstate?: State;
  /**
   * The key `$w` names the stream that the subscription may whisper in, `$p` the stream in which it may be present and see who is. Source:
   * AnyCable 1.6.16.
   */
  readonly istate?: State;
  /** The client is present from now on, in the stream of `$p`, or not any more. `info` is what others see, sent as JSON. */
  readonly presence?: { readonly type: "join"; readonly id: string; readonly info?: unknown } | { readonly type: "leave" };
  /** End the connection. */
  readonly disconnect?: boolean;
}

/**
 * Asks functions instead of a server. The protocol's own messages are made here: the welcome, `confirm_subscription` and
 * `reject_subscription`, which remote applications send themselves.
 */
export function inProcessController(application: InProcessApplication): Controller {
  return {
    needsEnv: true,
    connect: (request, signal) =>
      guarded(async () => connectAnswer(request, (await application.connect?.(request, abortSignal(signal))) ?? { status: "rejected" })),
    command: (request, signal) =>
      guarded(async () => commandAnswer(request, (await application.command(request, abortSignal(signal))) ?? {})),
    disconnect: (request) => guarded(async () => application.disconnect?.(request)),
  };
}

/** The platform's own, which `fetch` and the like take. */
function abortSignal(signal: CallSignal): AbortSignal {
  const abort = new AbortController();
  if (signal.aborted) abort.abort(signal.reason);
  else signal.addEventListener("abort", () => abort.abort(signal.reason), { once: true });
  return abort.signal;
}

async function guarded<Value>(call: () => Promise<Value>): Promise<Value> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof CableError) throw error;
    throw new CableError("rpc.failed", `the application failed: ${messageOf(error)}`, { cause: error });
  }
}

function connectAnswer({ sid }: ConnectRequest, verdict: ConnectVerdict): ConnectAnswer {
  if (verdict.status === "rejected") {
    const notice = { type: "disconnect", reason: "unauthorized", reconnect: false };
    return { status: "rejected", transmissions: (verdict.transmissions ?? [notice]).map((message) => JSON.stringify(message)) };
  }
  return {
    status: "accepted",
    identifiers: verdict.identifiers,
    transmissions: (verdict.transmissions ?? [{ type: "welcome", sid }]).map((message) => JSON.stringify(message)),
    cstate: verdict.cstate ?? NO_STATE,
  };
}

function commandAnswer({ command, identifier }: CommandRequest, verdict: CommandVerdict): CommandAnswer {
  const { status = "accepted" } = verdict;
  const messages = (verdict.messages ?? []).map((message) => JSON.stringify({ identifier, message }));
  const verdicts = { accepted: "confirm_subscription", rejected: "reject_subscription" };
  const told = command === "subscribe" ? [JSON.stringify({ type: verdicts[status], identifier })] : [];
  return {
    status,
    disconnect: verdict.disconnect ?? false,
    stopAllStreams: verdict.stopAllStreams ?? false,
    stoppedStreams: verdict.stoppedStreams ?? [],
    streams: verdict.streams ?? [],
    transmissions: [...told, ...messages],
    cstate: verdict.cstate ?? NO_STATE,
    istate: verdict.istate ?? NO_STATE,
    presence: verdict.presence && presenceOf(verdict.presence),
  };
}

function presenceOf(presence: NonNullable<CommandVerdict["presence"]>): NonNullable<CommandAnswer["presence"]> {
  if (presence.type === "leave") return { type: "leave", id: "", info: "null" };
  return { type: "join", id: presence.id, info: JSON.stringify(presence.info) ?? "null" };
}

const NO_STATE: State = new Map();
