import type { Option, OptionGroup } from "../option.ts";

/** Options of AnyCable Pro. It is closed, so what its file calls them is not known: the keys here are ours. */
function detail(part: string): { readonly class: "not-built"; readonly part: string; readonly isDetail: true } {
  return { class: "not-built", part, isDetail: true };
}

const admin = "the admin console";
const graphql = "GraphQL";
const poll = "long polling";
const ocpp = "OCPP";
const adaptive = "the adaptive limit of RPC calls";

const adminOptions: readonly Option[] = [
  {
    name: "admin",
    toml: "admin.enabled",
    type: "boolean",
    default: false,
    class: "not-built",
    part: admin,
    text: "Serve the admin console.",
  },
  { name: "admin_path", toml: "admin.path", type: "string", default: "/_high_voltage_", ...detail(admin), text: "Its path." },
  {
    name: "admin_port",
    toml: "admin.port",
    type: "integer",
    default: 0,
    max: 65_535,
    ...detail(admin),
    text: "Its port; 0 is the main port.",
  },
  { name: "admin_secret", toml: "admin.secret", type: "string", default: "", isSecret: true, ...detail(admin), text: "Its secret." },
];

const graphqlOptions: readonly Option[] = [
  {
    name: "graphql_path",
    toml: "graphql.path",
    type: "string",
    default: "",
    class: "not-built",
    part: graphql,
    text: "Path for Apollo clients; empty is none.",
  },
  {
    name: "graphql_channel",
    toml: "graphql.channel",
    type: "string",
    default: "GraphqlChannel",
    ...detail(graphql),
    text: "Channel that answers them.",
  },
  {
    name: "graphql_action",
    toml: "graphql.action",
    type: "string",
    default: "execute",
    ...detail(graphql),
    text: "Action of the channel.",
  },
  {
    name: "graphql_idle_timeout",
    toml: "graphql.idle_timeout",
    type: "integer",
    default: 2,
    unit: "s",
    ...detail(graphql),
    text: "How long a client may take to introduce itself.",
  },
];

const pollOptions: readonly Option[] = [
  { name: "poll", toml: "poll.enabled", type: "boolean", default: false, class: "not-built", part: poll, text: "Serve long polling." },
  { name: "poll_path", toml: "poll.path", type: "string", default: "/lp", ...detail(poll), text: "Its path." },
  {
    name: "poll_interval",
    toml: "poll.interval",
    type: "integer",
    default: 15,
    unit: "s",
    ...detail(poll),
    text: "How long a request waits.",
  },
  {
    name: "poll_flush_interval",
    toml: "poll.flush_interval",
    type: "integer",
    default: 500,
    unit: "ms",
    ...detail(poll),
    text: "How long messages are collected.",
  },
  {
    name: "poll_keepalive_timeout",
    toml: "poll.keepalive_timeout",
    type: "integer",
    default: 5,
    unit: "s",
    ...detail(poll),
    text: "How long a client may stay away between requests.",
  },
  {
    name: "poll_max_request_size",
    toml: "poll.max_request_size",
    type: "integer",
    default: 65_536,
    unit: "bytes",
    ...detail(poll),
    text: "Largest request.",
  },
];

const ocppOptions: readonly Option[] = [
  {
    name: "ocpp_path",
    toml: "ocpp.path",
    type: "string",
    default: "",
    class: "not-built",
    part: ocpp,
    text: "Path for charging stations; empty is none.",
  },
  {
    name: "ocpp_channel",
    toml: "ocpp.channel",
    type: "string",
    default: "OCPPChannel",
    ...detail(ocpp),
    text: "Channel that answers them.",
  },
  {
    name: "ocpp_granular_actions",
    toml: "ocpp.granular_actions",
    type: "boolean",
    default: true,
    ...detail(ocpp),
    text: "One action per OCPP message.",
  },
  {
    name: "ocpp_heartbeat_interval",
    // What some builds of AnyCable Pro call it.
    aliases: ["ocpp_hearbeat_interval"],
    toml: "ocpp.heartbeat_interval",
    type: "integer",
    default: 30,
    unit: "s",
    ...detail(ocpp),
    text: "How often stations report.",
  },
];

const tuningOptions: readonly Option[] = [
  {
    name: "rpc_concurrency_initial",
    toml: "rpc.concurrency_initial",
    type: "integer",
    default: 25,
    ...detail(adaptive),
    text: "Calls at a time in the beginning.",
  },
  { name: "rpc_concurrency_max", toml: "rpc.concurrency_max", type: "integer", default: 100, ...detail(adaptive), text: "At most." },
  { name: "rpc_concurrency_min", toml: "rpc.concurrency_min", type: "integer", default: 5, ...detail(adaptive), text: "At least." },
  {
    name: "shutdown_slowdrain",
    toml: "app.shutdown_slowdrain",
    type: "boolean",
    default: false,
    class: "not-built",
    part: "slow drain at shutdown",
    text: "Disconnect clients one by one at shutdown.",
  },
  {
    name: "netpoll_enabled",
    toml: "ws.netpoll_enabled",
    type: "boolean",
    default: true,
    class: "no-effect",
    text: "Reading of idle sockets in Go. Node does that anyway.",
  },
];

export const proOptions: OptionGroup = {
  title: "AnyCable Pro",
  options: [...adminOptions, ...graphqlOptions, ...pollOptions, ...ocppOptions, ...tuningOptions],
};
