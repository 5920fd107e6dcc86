/** A conversation between clients and Ropeway as the pages of docs/protocols write it down; docs/protocols/actioncable-v1-json.md explains the form. */
export interface Conversation {
  /** Flags of the command that serves it; undefined: those of the page. */
  readonly flags: readonly string[] | undefined;
  readonly steps: readonly Step[];
}

export type Step = { readonly line: string } & (
  | { readonly kind: "connect"; readonly client: string; readonly path: string; readonly headers: readonly Header[] }
  | { readonly kind: "answered"; readonly client: string; readonly status: string; readonly headers: readonly Header[] }
  | { readonly kind: "sends" | "hears"; readonly client: string; readonly text: string }
  | { readonly kind: "is closed"; readonly client: string; readonly code: number; readonly reason: string }
  | { readonly kind: "hears nothing" | "closes" | "breaks"; readonly client: string }
  | { readonly kind: "publish"; readonly body: string }
  | { readonly kind: "stop" }
);

type Header = readonly [name: string, value: string];

/** @throws Error for a line that is none of ours */
export function readConversation(text: string): Conversation {
  const lines = text.split("\n").filter((line) => line !== "");
  const command = /^\$ ropeway ?(.*)$/.exec(lines[0] ?? "");
  const rest = command ? lines.slice(1) : lines;
  const steps: Step[] = [];
  for (let at = 0; at < rest.length; at++) {
    const line = rest[at]!;
    const headers: Header[] = [];
    for (let header: readonly string[] | null; (header = /^ +([\w-]+): (.+)$/.exec(rest[at + 1] ?? "")) !== null; at++) {
      headers.push([header[1]!, header[2]!]);
    }
    const step = stepOf(line, headers);
    if (headers.length > 0 && !("headers" in step)) throw new Error(`no place for headers: ${line}`);
    steps.push(step);
  }
  return { flags: command?.[1]!.split(" ").filter((flag) => flag !== ""), steps };
}

function stepOf(line: string, headers: readonly Header[]): Step {
  const published = /^publish (.+)$/.exec(line);
  if (published) return { line, kind: "publish", body: published[1]! };
  if (line === "the server stops") return { line, kind: "stop" };
  const [, client = "", what = ""] = /^(?:([A-Z][a-z]+) )?(.+)$/.exec(line) ?? [];
  const [verb = "", ...words] = what.split(" ");
  const rest = words.join(" ");
  switch (verb) {
    case "connect":
      return { line, kind: "connect", client, path: rest, headers };
    case "closes":
    case "breaks":
      return { line, kind: verb, client };
    case "→":
      return { line, kind: "sends", client, text: rest };
    case "←":
      return hearing(line, client, rest, headers);
    default:
      throw new Error(`not a line of a conversation: ${line}`);
  }
}

function hearing(line: string, client: string, what: string, headers: readonly Header[]): Step {
  if (what === "nothing") return { line, kind: "hears nothing", client };
  if (/^\d{3}$/.test(what)) return { line, kind: "answered", client, status: what, headers };
  const [, code, reason = ""] = /^close (\d+)(?: "(.*)")?$/.exec(what) ?? [];
  if (code !== undefined) return { line, kind: "is closed", client, code: Number(code), reason };
  return { line, kind: "hears", client, text: what };
}
