import { natsSubject, notEmpty } from "../checks.ts";
import { longestSeconds, longestStorageSeconds, type Option, type OptionGroup } from "../option.ts";
import { streamRules } from "../stream-rules.ts";

/** What a table of `[[broker.streams]]` may say. */
const streamFields: readonly Option[] = [
  {
    name: "pattern",
    type: "string",
    default: "",
    class: "works",
    check: notEmpty,
    text: "Names of streams; * stands for any characters, or none.",
  },
  { name: "history_limit", type: "integer", default: 100, class: "works", text: "Instead of `history_limit`." },
  {
    name: "history_ttl",
    type: "integer",
    default: 300,
    max: longestStorageSeconds,
    unit: "s",
    class: "works",
    text: "Instead of `history_ttl`.",
  },
  { name: "presence", type: "boolean", default: true, class: "works", text: "Whether clients can be present." },
];

export const brokerOptions: OptionGroup = {
  title: "Broker, and other nodes",
  options: [
    {
      name: "broker",
      toml: "broker.adapter",
      type: "choice",
      default: "",
      values: ["", "none", "memory", "redis", "nats"],
      class: "works",
      text: "Where history, sessions and presence are kept: memory, redis, nats, none.",
      advice:
        "`memory` is for one node, and forgets at a restart. `redis` (6.2 or later, Valkey) and `nats` (with JetStream) are for many nodes. Publications take the time that storing them takes.",
    },
    {
      name: "history_limit",
      toml: "broker.history_limit",
      type: "integer",
      default: 100,
      class: "works",
      text: "Messages kept per stream; 0 is none.",
      advice:
        "Each costs its size and 35 to 180 bytes in Redis, 110 in NATS, about 700 in this process (`memory`), times the number of streams.",
    },
    {
      name: "history_ttl",
      toml: "broker.history_ttl",
      type: "integer",
      default: 300,
      max: longestStorageSeconds,
      unit: "s",
      class: "works",
      text: "How long they are kept; 0 is not at all.",
      advice: "A client that was away for longer gets no history, and is told so.",
    },
    {
      name: "broker.streams",
      toml: "broker.streams",
      only: "file",
      type: "rows",
      default: [],
      fields: streamFields,
      class: "works",
      check: streamRules,
      text: "Other settings for some streams: `pattern`, and any of `history_limit`, `history_ttl`, `presence`.",
      advice:
        'A table each: `[[broker.streams]]`, `pattern = "chat/*"`, `history_limit = 1000`. In a pattern `*` stands for any characters, or none, everything else for itself. The first whose pattern fits counts, alone.',
    },
    {
      name: "sessions_ttl",
      toml: "broker.sessions_ttl",
      type: "integer",
      default: 300,
      max: longestStorageSeconds,
      unit: "s",
      class: "works",
      text: "How long a session that dropped can be restored; 0 is never.",
      advice: "As long its state is kept: some KB each.",
    },
    {
      name: "presence_ttl",
      toml: "broker.presence_ttl",
      type: "integer",
      default: 15,
      min: 1,
      max: longestSeconds,
      unit: "s",
      class: "works",
      text: "How long somebody whose connection dropped counts as present.",
      advice:
        "Shorter than the time that clients need to come back it shows them leaving and coming. Everybody is refreshed three times in it.",
    },
    {
      name: "pubsub",
      toml: "pubsub_adapter",
      type: "choice",
      default: "",
      values: ["", "none", "redis", "nats"],
      class: "works",
      text: "How nodes reach each other: redis, nats, none; chosen by itself when empty.",
      advice:
        "By itself it is `nats` with `broker=nats`; `redis` with another `redis_url` than the default, `redis_sentinels`, `broker=redis` or the adapter `redisx`; `nats` with `embed_nats` or the adapter `nats`; else `none`. A node that is alone saves work with `none`. With `broker=redis` leave it at `redis`: what stores a publication then passes it on in one step.",
    },
    {
      name: "redis_pubsub.channel",
      toml: "redis_pubsub.channel",
      only: "file",
      type: "string",
      default: "__anycable_internal__",
      class: "works",
      check: notEmpty,
      text: "Redis channel for what nodes tell each other; behind `redis_prefix`.",
      advice: "All nodes need the same. The channel of a stream is its name.",
    },
    {
      name: "redis_sharded_pubsub",
      toml: "redis_pubsub.sharded",
      isOwn: true,
      type: "boolean",
      default: false,
      class: "works",
      text: "Sharded pub/sub between nodes where Redis is a cluster of version 7 or newer.",
      advice:
        "Elsewhere it changes nothing. Without it every node of the Redis cluster gets every publication, which limits what a large cluster carries; with it we hold two more connections to each master. Nodes that have it hear those that don't, which don't hear them: switch it on everywhere, and not while anycable-go runs beside us.",
    },
    {
      name: "nats_pubsub.channel",
      toml: "nats_pubsub.channel",
      only: "file",
      type: "string",
      default: "__anycable_internal__",
      class: "works",
      check: natsSubject,
      text: "NATS subject for what nodes tell each other; behind `nats_prefix`.",
      advice: "All nodes need the same.",
    },
  ],
};
