import { errorCodes } from "../../src/errors.ts";

/** Codes that an answer over HTTP can have. */
const codes = Object.keys(errorCodes).filter((code) => /^(?:api|publication|broker)\./.test(code));

const epoch = { type: "string", minLength: 1, description: "Opaque. Offsets of different epochs can't be compared." };
const offset = { type: "integer", minimum: 1, description: "Consecutive within an epoch, from 1." };
const data = {
  type: "string",
  description: "What clients get as `message`: the text of JSON. Text that is not JSON becomes a JSON string.",
};
const stream = { type: "string", minLength: 1 };

const meta = {
  type: "object",
  description: "Unknown members are ignored.",
  properties: {
    exclude_socket: { type: ["string", "null"], description: "The `sid` of the client that must not hear it." },
    broadcast_type: { type: ["string", "null"], description: "Becomes the `type` of the client's message." },
    transient: { type: ["boolean", "null"], description: "Not to be kept in history." },
    traceparent: { type: "string", description: "W3C trace context." },
    tracestate: { type: "string" },
  },
};

const publication = {
  type: "object",
  required: ["stream", "data"],
  properties: { stream, data, meta: { anyOf: [meta, { type: "null" }] } },
};

const disconnect = {
  type: "object",
  required: ["command", "payload"],
  properties: {
    command: { const: "disconnect" },
    payload: {
      type: "object",
      required: ["identifier"],
      properties: {
        identifier: { type: "string", description: "Connection identifiers, as Connect returned them." },
        reconnect: { type: "boolean", default: false, description: "Whether its clients may come back by themselves." },
      },
    },
  },
};

function closed(properties: Readonly<Record<string, object>>, optional: readonly string[] = []): object {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: "object", required, properties, additionalProperties: false };
}

const status = { type: "string", enum: ["starting", "ready", "degraded", "unready", "stopping"] };
const parts = {
  type: "object",
  description: "By name. Where they connect to stands in `detail`, never a secret.",
  additionalProperties: closed({ ok: { type: "boolean" }, since_ms: { type: "integer", minimum: 0 }, detail: { type: "string" } }, [
    "since_ms",
    "detail",
  ]),
};

export type SchemaName = "Broadcast" | "Publication" | "Error" | "PresenceInfo" | "StreamHistory" | "Node" | "Readiness";

/** What is sent and answered. Answers are closed: a member that is not here is in no answer. */
export const schemas: Readonly<Record<SchemaName, object>> = {
  Broadcast: { oneOf: [{ $ref: "#/components/schemas/Publication" }, { type: "array", minItems: 1, items: publication }, disconnect] },
  Publication: publication,
  Error: closed({ error: closed({ code: { type: "string", enum: codes }, message: { type: "string" } }) }),
  PresenceInfo: closed(
    {
      type: { const: "info" },
      total: { type: "integer", minimum: 0 },
      records: {
        type: "array",
        minItems: 1,
        description: "Absent when nobody is there, and with `records=false`.",
        items: closed({ info: { description: "What the client, or the application, said about it: any JSON." }, id: { type: "string" } }),
      },
    },
    ["records"],
  ),
  StreamHistory: closed(
    {
      type: { const: "history" },
      stream,
      scope: {
        type: "string",
        enum: ["cluster", "node"],
        description: "`node`: each node has a history of its own, and positions mean something to this one only.",
      },
      head: {
        description: "The position up to which the whole history reaches; null: nothing is remembered.",
        anyOf: [closed({ epoch, offset: { ...offset, minimum: 0 } }), { type: "null" }],
      },
      publications: {
        type: "array",
        items: closed({ epoch, offset, data, meta: closed({ broadcast_type: { type: "string" } }) }, ["meta"]),
      },
      next: {
        ...closed({ after: offset, epoch }),
        description: "There is more: ask with these parameters.",
      },
    },
    ["next"],
  ),
  Node: closed({
    type: { const: "node" },
    version: { type: "string" },
    node_id: { type: "string", description: "As in the log." },
    uptime_ms: { type: "integer", minimum: 0 },
    status,
    clients: { type: "integer", minimum: 0, description: "Connected to this node." },
    streams: { type: "integer", minimum: 0, description: "With subscribers on this node." },
    broker: {
      description: "null: there is none.",
      anyOf: [
        closed({
          name: { type: "string" },
          history: { enum: ["cluster", "node", null], description: "null: it keeps none." },
          sessions: { type: "boolean" },
          presence: { type: "boolean" },
        }),
        { type: "null" },
      ],
    },
    pubsub: { type: "string", description: "`local`: this node is alone." },
    broadcasters: { type: "array", items: { type: "string" } },
    parts,
  }),
  Readiness: closed({ status, parts }),
};
