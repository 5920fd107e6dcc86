import type { OptionGroup } from "../option.ts";

/** What AnyCable reads from the environment alone. */
export const environmentOptions: OptionGroup = {
  title: "Variables without a flag",
  options: [
    {
      name: "disable_telemetry",
      only: "environment",
      type: "string",
      default: "",
      class: "no-effect",
      text: "Ropeway sends no telemetry to anybody.",
    },
    {
      name: "telemetry_url",
      only: "environment",
      type: "string",
      default: "",
      class: "no-effect",
      text: "Where AnyCable sends its telemetry.",
    },
    {
      name: "telemetry_debug",
      only: "environment",
      type: "string",
      default: "",
      class: "no-effect",
      text: "Print that telemetry.",
    },
    {
      name: "memory_metrics",
      only: "environment",
      type: "boolean",
      default: false,
      class: "works",
      text: "More gauges about memory: V8's heap under the names of Go's.",
    },
    {
      name: "fly_rpc_app_name",
      only: "environment",
      type: "string",
      default: "",
      class: "works",
      text: "Fly application that answers RPC calls: the fly preset calls it in its own region.",
    },
  ],
};
