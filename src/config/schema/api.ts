import { absolutePath } from "../checks.ts";
import type { OptionGroup } from "../option.ts";

export const apiOptions: OptionGroup = {
  title: "REST API",
  options: [
    {
      name: "api_port",
      toml: "api.port",
      type: "integer",
      default: 0,
      max: 65_535,
      class: "works",
      text: "Port of the API; 0 is the main port.",
      advice:
        "The API is there when `api_port`, `api_secret`, `secret` or `public` is set. Without a key it is open, so it needs a port of its own then, or, with `public`, a main port that only this machine reaches.",
    },
    {
      name: "api_path",
      toml: "api.path",
      type: "string",
      default: "/api",
      class: "works",
      check: absolutePath,
      text: "Its path.",
    },
    {
      name: "api_secret",
      toml: "api.secret",
      type: "string",
      default: "",
      isSecret: true,
      class: "works",
      text: "Its bearer key; derived from the secret when empty. `none` is no key.",
      advice: "Not even `public` takes it out of use. On the main port `none` switches the API off.",
    },
    {
      name: "api.host",
      toml: "api.host",
      only: "file",
      type: "string",
      default: "",
      class: "works",
      text: "Address of its port; the main one when empty.",
    },
    {
      name: "api.cors_headers",
      toml: "api.cors_headers",
      only: "file",
      type: "boolean",
      default: false,
      class: "works",
      text: "Let pages call it.",
      advice: "They would need the key, so leave it off unless they are yours alone.",
    },
    {
      name: "api.cors_hosts",
      toml: "api.cors_hosts",
      only: "file",
      type: "list",
      default: [],
      isLowerCase: true,
      class: "works",
      text: "Which pages; those of `allowed_origins` when empty, and any without either.",
    },
  ],
};
