import type { Clock } from "../clock.ts";
import { messageOf } from "../errors.ts";
import type { RemoteState } from "../lifecycle.ts";
import type { RequestHandler } from "./routes.ts";

/** How long a part that readiness depends on may be away before the node asks for no more traffic. Reconnects are shorter. */
const toleratedAwayMs = 10_000;

/** Something whose state the readiness page tells. */
export interface ReadinessPart {
  readonly name: string;
  /** Whether the node is of no use without it: what the operator asked for is, a default that may not exist and the RPC server are not. */
  readonly isRequired: boolean;
  check(): PartState;
}

export interface PartState {
  readonly ok: boolean;
  /** Clock.monotonicMs since when `ok` has its value. Absent = not known; when not ok it then counts at once. */
  readonly sinceMs?: number | undefined;
  /** For the operator: what it connects to, what is wrong. Never a secret: the page is open to everybody who reaches the port. */
  readonly detail?: string | undefined;
}

export interface Readiness {
  /** `unready` = a required part has been away for 10 s; `degraded` = some part is away, but the node is of use. */
  readonly status: "starting" | "ready" | "degraded" | "unready" | "stopping";
  /** Whether a load balancer should send clients here. */
  readonly isReady: boolean;
  readonly parts: Readonly<Record<string, { readonly ok: boolean; readonly since_ms?: number; readonly detail?: string }>>;
}

/** Alive as long as it answers: 200 for every method, whatever the parts do. Restarting a process that lost its Redis would help nobody. */
export function healthHandler(): RequestHandler {
  return (_request, response) => {
    response.writeHead(200, { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" }).end("alive\n");
  };
}

export interface ReadinessOptions {
  readonly clock: Clock;
  readonly parts: readonly ReadinessPart[];
  readonly phase: () => "starting" | "running" | "stopping";
}

/** Whether this node wants clients now, and the state of every part with how long it has lasted (`since_ms`). */
export function readiness({ clock, parts, phase }: ReadinessOptions): Readiness {
  const nowMs = clock.monotonicMs();
  const states = parts.map((part) => ({ part, state: checkPart(part) }));
  const isAway = ({ part, state }: (typeof states)[number]): boolean =>
    part.isRequired && !state.ok && nowMs - (state.sinceMs ?? -Infinity) >= toleratedAwayMs;

  const current = phase();
  const running = states.some(isAway) ? "unready" : states.every(({ state }) => state.ok) ? "ready" : "degraded";
  const status = current === "running" ? running : current;
  return {
    status,
    isReady: status === "ready" || status === "degraded",
    parts: Object.fromEntries(
      states.map(({ part, state: { ok, sinceMs, detail } }) => [
        part.name,
        {
          ok,
          ...(sinceMs === undefined ? {} : { since_ms: Math.max(0, Math.round(nowMs - sinceMs)) }),
          ...(detail === undefined ? {} : { detail }),
        },
      ]),
    ),
  };
}

/** What is to be told of a part that depends on a remote service; nothing of one that does not. */
export function readinessOf(name: string, part: { state?(): RemoteState }): ReadinessPart[] {
  const state = (): RemoteState | undefined => part.state?.();
  if (!state()) return [];
  return [
    {
      name,
      isRequired: state()?.isRequired ?? false,
      check: () => {
        const { isConnected = true, sinceMs, target, problem } = state() ?? {};
        return { ok: isConnected, sinceMs, detail: problem === undefined ? target : `${target}: ${problem}` };
      },
    },
  ];
}

/** Answers `readiness` as JSON: 200 when clients are welcome, otherwise 503. */
export function readinessHandler(options: ReadinessOptions): RequestHandler {
  return (_request, response) => {
    const { status, isReady, parts } = readiness(options);
    response
      .writeHead(isReady ? 200 : 503, { "content-type": "application/json", "cache-control": "no-store" })
      .end(`${JSON.stringify({ status, parts })}\n`);
  };
}

function checkPart(part: ReadinessPart): PartState {
  try {
    return part.check();
  } catch (error) {
    return { ok: false, detail: `can't tell: ${messageOf(error)}` };
  }
}
