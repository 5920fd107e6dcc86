import type { Option, OptionGroup } from "../option.ts";

const embedded = { class: "not-built", part: "the embedded NATS server", isDetail: true } as const;
const client = { class: "not-built", part: "NATS", isDetail: true } as const;

/** Most of the embedded server's options are an address or a name that is empty by default. */
function embeddedText(name: string, toml: string, text: string, value = ""): Option {
  return { name, toml: `embedded_nats.${toml}`, type: "string", default: value, ...embedded, text };
}

export const natsOptions: OptionGroup = {
  title: "NATS",
  options: [
    {
      name: "nats_servers",
      toml: "nats.servers",
      type: "list",
      default: ["nats://127.0.0.1:4222"],
      isSecret: true,
      ...client,
      text: "NATS servers to connect to.",
    },
    {
      name: "nats_dont_randomize_servers",
      toml: "nats.dont_randomize_servers",
      type: "boolean",
      default: false,
      ...client,
      text: "Try the servers in the order given.",
    },
    {
      name: "nats.max_reconnect_attempts",
      toml: "nats.max_reconnect_attempts",
      only: "file",
      type: "integer",
      default: 5,
      ...client,
      text: "After how many failures AnyCable exits.",
    },
    {
      name: "embed_nats",
      toml: "embedded_nats.enabled",
      type: "boolean",
      default: false,
      class: "not-built",
      part: "the embedded NATS server",
      text: "Run a NATS server inside the process.",
    },
    embeddedText("enats_addr", "service_addr", "Address of its clients' port.", "nats://127.0.0.1:4222"),
    embeddedText("enats_cluster", "cluster_addr", "Address of its cluster's port."),
    embeddedText("enats_cluster_name", "cluster_name", "Name of the cluster.", "anycable-cluster"),
    {
      name: "enats_cluster_routes",
      toml: "embedded_nats.routes",
      type: "list",
      default: [],
      ...embedded,
      text: "Addresses of other members.",
    },
    embeddedText("enats_gateway", "gateway_addr", "Address of its gateway's port."),
    {
      name: "enats_gateways",
      toml: "embedded_nats.gateways",
      type: "list",
      default: [],
      separator: ";",
      ...embedded,
      text: "Other clusters: name:address,address;name:address.",
    },
    embeddedText("enats_gateway_advertise", "gateway_advertise", "Address of the gateway as others reach it."),
    embeddedText("enats_store_dir", "jetstream_store_dir", "Directory of JetStream's files."),
    embeddedText("enats_server_name", "name", "Name of the server; unique, for JetStream."),
    {
      name: "enats_debug",
      toml: "embedded_nats.debug",
      type: "boolean",
      default: false,
      ...embedded,
      text: "Log what the server does.",
    },
    {
      name: "enats_trace",
      toml: "embedded_nats.trace",
      type: "boolean",
      default: false,
      ...embedded,
      text: "Log every protocol message of the server.",
    },
    {
      name: "enats_max_payload",
      toml: "embedded_nats.max_payload",
      type: "integer",
      default: 0,
      unit: "bytes",
      ...embedded,
      text: "Largest message; 0 is 1 MiB.",
    },
    {
      name: "embedded_nats.jetstream",
      toml: "embedded_nats.jetstream",
      only: "file",
      type: "boolean",
      default: false,
      ...embedded,
      text: "Run JetStream in it.",
    },
    {
      name: "embedded_nats.jetstream_ready_timeout",
      toml: "embedded_nats.jetstream_ready_timeout",
      only: "file",
      type: "integer",
      default: 30,
      unit: "s",
      ...embedded,
      text: "How long to wait for JetStream.",
    },
  ],
};
