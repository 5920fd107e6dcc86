import type { OptionGroup } from "../option.ts";

/** Flags that say what to do, and where the file is. They have no variables and no place in a file. */
export const commandOptions: OptionGroup = {
  title: "Commands and files",
  options: [
    {
      name: "help",
      aliases: ["h"],
      only: "flag",
      type: "boolean",
      default: false,
      class: "works",
      text: "Print the flags and exit.",
    },
    {
      name: "version",
      aliases: ["v"],
      only: "flag",
      type: "boolean",
      default: false,
      class: "works",
      text: "Print the version alone and exit.",
    },
    {
      name: "print-config",
      only: "flag",
      type: "boolean",
      default: false,
      class: "works",
      text: "Print the configuration as a TOML file that loads back the same, and exit.",
      advice: "Secrets and passwords are printed as they are, as AnyCable does: the file would not load back otherwise.",
    },
    {
      name: "config-path",
      only: "flag",
      type: "string",
      default: "",
      class: "works",
      text: "Configuration file to read.",
      advice:
        "Without it the first of `./ropeway.toml`, `./anycable.toml`, `/etc/ropeway/ropeway.toml` and `/etc/anycable/anycable.toml` is read, and no other.",
    },
    {
      name: "ignore-config-path",
      only: "flag",
      type: "boolean",
      default: false,
      class: "works",
      text: "Read no configuration file, not even one that is named.",
    },
  ],
};
