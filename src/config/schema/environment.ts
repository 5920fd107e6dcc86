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
      type: "string",
      default: "",
      class: "no-effect",
      text: "Gauges about the memory of the Go runtime.",
    },
    {
      name: "fly_rpc_app_name",
      only: "environment",
      type: "string",
      default: "",
      class: "not-built",
      part: "configuration by preset",
      isDetail: true,
      text: "Fly application that answers RPC calls.",
    },
  ],
};
