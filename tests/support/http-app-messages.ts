import type { CommandMessage, ConnectionRequest, DisconnectRequest, Env } from "../../src/rpc/generated/rpc.ts";

/** A request of the RPC contract, as an application over HTTP gets it. */
export type Call =
  | { readonly method: "Connect"; readonly request: ConnectionRequest }
  | { readonly method: "Command"; readonly request: CommandMessage }
  | { readonly method: "Disconnect"; readonly request: DisconnectRequest };

const decoders = {
  connect(fields: Fields): Call {
    fields.allow("env");
    return { method: "Connect", request: { env: fields.env() } };
  },
  command(fields: Fields): Call {
    fields.allow("command", "identifier", "connection_identifiers", "data", "env");
    return {
      method: "Command",
      request: {
        command: fields.text("command"),
        identifier: fields.text("identifier"),
        connectionIdentifiers: fields.text("connection_identifiers"),
        data: fields.text("data"),
        env: fields.env(),
      },
    };
  },
  disconnect(fields: Fields): Call {
    fields.allow("identifiers", "subscriptions", "env");
    const request = { identifiers: fields.text("identifiers"), subscriptions: fields.texts("subscriptions"), env: fields.env() };
    return { method: "Disconnect", request };
  },
};

export function isCommand(name: string): name is keyof typeof decoders {
  return Object.hasOwn(decoders, name);
}

/** As Ruby's `decode_json` does: throws on text that is no JSON, a field that it doesn't know, a value of another type. */
export function decode(command: keyof typeof decoders, json: string): Call {
  return decoders[command](new Fields(JSON.parse(json)));
}

/** As Ruby's `to_json(format_enums_as_integers: true, preserve_proto_fieldnames: true)` does: what is empty, ERROR (0) included, is left out. */
export function print(message: object): string {
  return JSON.stringify(printable(message));
}

function printable(value: unknown): unknown {
  if (value instanceof Map) return value.size > 0 ? Object.fromEntries(value) : undefined;
  if (Array.isArray(value)) return value.length > 0 ? value : undefined;
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [underscored(name), printable(item)]));
  }
  return value === "" || value === 0 || value === false ? undefined : value;
}

function underscored(name: string): string {
  return name.replaceAll(/[A-Z]/gu, (letter) => `_${letter.toLowerCase()}`);
}

class Fields {
  readonly #fields: Readonly<Record<string, unknown>>;

  constructor(value: unknown) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("expected an object");
    this.#fields = value as Readonly<Record<string, unknown>>;
  }

  allow(...names: readonly string[]): void {
    for (const [name, value] of Object.entries(this.#fields)) {
      if (!names.includes(name)) throw new Error(`No such field: ${name}`);
      // Ruby would take it; AnyCable never sends it.
      if (name !== "env" && printable(value) === undefined) throw new Error(`${name} is empty`);
    }
  }

  text(name: string): string {
    return textOf(name, this.#fields[name] ?? "");
  }

  texts(name: string): string[] {
    const value = this.#fields[name] ?? [];
    if (!Array.isArray(value)) throw new Error(`Error parsing ${name}: expected a list`);
    return value.map((item) => textOf(name, item));
  }

  map(name: string): Map<string, string> {
    const { [name]: value = {} } = this.#fields;
    return new Map(Object.entries(value as object).map(([key, item]) => [key, textOf(name, item)]));
  }

  env(): Env {
    const env = new Fields(this.#fields["env"]);
    env.allow("url", "headers", "cstate", "istate");
    return { url: env.text("url"), headers: env.map("headers"), cstate: env.map("cstate"), istate: env.map("istate") };
  }
}

function textOf(name: string, value: unknown): string {
  if (typeof value !== "string") throw new Error(`Error parsing ${name}: expected a string`);
  return value;
}
