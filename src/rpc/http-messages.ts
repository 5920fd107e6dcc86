import { isUtf8 } from "node:buffer";
import { CableError, messageOf } from "../errors.ts";
import { readStatus } from "./answer-status.ts";
import type { ClientEnv, CommandAnswer, CommandRequest, ConnectAnswer, ConnectRequest, DisconnectRequest, State } from "./controller.ts";

/*
 * The messages of `proto/rpc.proto` as AnyCable writes them in JSON (its `etc/rpc-openapi.yml`): names with underscores, what is empty is
 * left out, `status` is a number.
 */

const NOTHING: State = new Map();

export function writeConnect({ env }: ConnectRequest): string {
  return JSON.stringify({ env: envOf(env, NOTHING, NOTHING) });
}

export function writeCommand({ command, identifier, connectionIdentifiers, data, env, cstate, istate }: CommandRequest): string {
  return JSON.stringify({
    command,
    identifier: given(identifier),
    connection_identifiers: given(connectionIdentifiers),
    data: given(data),
    env: envOf(env, cstate, istate),
  });
}

export function writeDisconnect({ env, connectionIdentifiers, subscriptions, cstate, istates }: DisconnectRequest): string {
  const istate = new Map<string, string>();
  for (const [identifier, state] of istates) istate.set(identifier, JSON.stringify(Object.fromEntries(state)));
  return JSON.stringify({
    identifiers: given(connectionIdentifiers),
    subscriptions: subscriptions.length > 0 ? subscriptions : undefined,
    env: envOf(env, cstate, istate),
  });
}

/** @throws {CableError} `rpc.invalid_answer`, `rpc.failed`; so do the other two. */
export function readConnect(body: Buffer): ConnectAnswer {
  const answer = new Answer(body);
  const status = answer.status();
  const transmissions = answer.texts("transmissions");
  if (status === "rejected") return { status, transmissions };
  return { status, identifiers: answer.text("identifiers"), transmissions, cstate: answer.part("env")?.state("cstate") ?? NOTHING };
}

export function readCommand(body: Buffer): CommandAnswer {
  const answer = new Answer(body);
  const status = answer.status();
  const env = answer.part("env");
  const presence = answer.part("presence");
  return {
    status,
    disconnect: answer.flag("disconnect"),
    stopAllStreams: answer.flag("stop_streams"),
    stoppedStreams: answer.texts("stopped_streams"),
    streams: answer.texts("streams"),
    transmissions: answer.texts("transmissions"),
    cstate: env?.state("cstate") ?? NOTHING,
    istate: env?.state("istate") ?? NOTHING,
    presence: presence && { type: presence.text("type"), id: presence.text("id"), info: presence.text("info") },
  };
}

export function readDisconnect(body: Buffer): void {
  // A FAILURE says nothing here: the client is gone either way.
  new Answer(body).status();
}

function given(text: string): string | undefined {
  return text === "" ? undefined : text;
}

function envOf(env: ClientEnv, cstate: State, istate: State): object {
  return { url: given(env.url), headers: table(env.headers), cstate: table(cstate), istate: table(istate) };
}

/** Every key becomes a property of its own, `__proto__` included. */
function table(map: State): object | undefined {
  return map.size > 0 ? Object.fromEntries(map) : undefined;
}

const statusNames: Readonly<Record<string, number>> = { ERROR: 0, SUCCESS: 1, FAILURE: 2 };

/**
 * An object of the answer, whose fields are read by type. What is absent or null has the empty value of its type: Ruby's printer leaves
 * out what is empty (status ERROR, which is 0, included), and TypeScript applications write null.
 */
class Answer {
  private readonly fields: Readonly<Record<string, unknown>>;
  private readonly path: string;

  constructor(body: Buffer);
  constructor(fields: object, path: string);
  constructor(from: Buffer | object, path = "") {
    this.fields = Buffer.isBuffer(from) ? parse(from) : (from as Readonly<Record<string, unknown>>);
    this.path = path;
  }

  status(): "accepted" | "rejected" {
    const value = this.field("status") ?? 0;
    // Printers of protobuf's JSON write the name of an enum's value unless told otherwise.
    const status = typeof value === "string" && Object.hasOwn(statusNames, value) ? statusNames[value] : value;
    if (typeof status !== "number") throw this.wrong("status", "0, 1 or 2");
    return readStatus(status, this.text("error_msg"));
  }

  text(name: string): string {
    const value = this.field(name) ?? "";
    if (typeof value !== "string") throw this.wrong(name, "a text");
    return value;
  }

  texts(name: string): readonly string[] {
    const value = this.field(name) ?? [];
    if (!Array.isArray(value) || !value.every((item) => typeof item === "string")) throw this.wrong(name, "a list of texts");
    return value as readonly string[];
  }

  flag(name: string): boolean {
    const value = this.field(name) ?? false;
    if (typeof value !== "boolean") throw this.wrong(name, "true or false");
    return value;
  }

  part(name: string): Answer | undefined {
    const value = this.field(name) ?? undefined;
    if (value === undefined) return undefined;
    if (typeof value !== "object" || Array.isArray(value)) throw this.wrong(name, "an object");
    return new Answer(value, `${this.path}${name}.`);
  }

  state(name: string): State {
    const value = this.field(name) ?? undefined;
    if (value === undefined) return NOTHING;
    if (typeof value !== "object" || Array.isArray(value)) throw this.wrong(name, "an object");
    const state = new Map<string, string>();
    for (const [key, item] of Object.entries(value)) {
      if (typeof item !== "string" && item !== null) throw this.wrong(name, "an object of texts");
      state.set(key, item ?? "");
    }
    return state;
  }

  /** Only what the application wrote: nothing that objects bring along. */
  private field(name: string): unknown {
    return Object.hasOwn(this.fields, name) ? this.fields[name] : undefined;
  }

  private wrong(name: string, expected: string): CableError {
    return new CableError("rpc.invalid_answer", `"${this.path}${name}" of the application's answer is not ${expected}`);
  }
}

function parse(body: Buffer): Readonly<Record<string, unknown>> {
  if (body.length === 0) throw new CableError("rpc.invalid_answer", "the application's answer is empty");
  if (!isUtf8(body)) throw new CableError("rpc.invalid_answer", "the application's answer is not UTF-8");
  let value: unknown;
  try {
    value = JSON.parse(body.toString());
  } catch (error) {
    throw new CableError("rpc.invalid_answer", `the application's answer is no JSON: ${messageOf(error).slice(0, 200)}`, { cause: error });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new CableError("rpc.invalid_answer", "the application's answer is no JSON object");
  }
  return value as Readonly<Record<string, unknown>>;
}
