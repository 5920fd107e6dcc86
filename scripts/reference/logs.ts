import { logFields } from "./log-fields.ts";
import { code, generatedNote, table } from "./table.ts";

/** A line that Ropeway can print. */
export interface LogMessage {
  readonly level: "error" | "warn" | "info";
  /** What varies is `…`. */
  readonly text: string;
  /** The part that prints it: its folder or file under src/. */
  readonly part: string;
}

/** The text of `docs/reference/logs.md`, from the sources: path under src/ → text. */
export function renderLogs(sources: ReadonlyMap<string, string>): string {
  const messages = [...sources].flatMap(([path, source]) => messagesIn(path, source));
  const unique = new Map(messages.map((message) => [`${message.level} ${message.text} ${message.part}`, message]));
  const rows = [...unique.values()]
    .toSorted((a, b) => levels.indexOf(a.level) - levels.indexOf(b.level) || (a.part + a.text < b.part + b.text ? -1 : 1))
    .map(({ level, text, part }) => [level, code(text), code(part)]);
  const fields = Object.entries(logFields).map(([name, meaning]) => [code(name), meaning]);
  return `${[
    "# Logs",
    generatedNote,
    introduction,
    "## Levels",
    table(["Level", "Is for"], levelMeanings),
    "## Fields",
    fieldsNote,
    table(["Field", "Is"], fields),
    "## Secrets",
    secrets,
    "## Messages",
    messagesNote,
    table(["Level", "Message", "From"], rows),
  ].join("\n\n")}\n`;
}

const levels = ["error", "warn", "info"] as const;

/** The messages in calls like `logger.info("text", …)`; of a choice between two texts, both. */
export function messagesIn(path: string, source: string): LogMessage[] {
  const part = path.includes("/") ? path.slice(0, path.indexOf("/")) : path;
  return [...source.matchAll(/logger\.(error|warn|info)\(/gi)].flatMap(({ index, 0: { length }, 1: level }) =>
    literalsOf(firstArgument(source.slice(index + length))).map((text) => ({ level: level as LogMessage["level"], text, part })),
  );
}

/** The start of a call's arguments, up to the comma or bracket that ends the first. */
function firstArgument(text: string): string {
  let depth = 0;
  for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`|[()[\]{},]/g)) {
    if ("([{".includes(token)) depth++;
    else if (depth === 0 && ",)".includes(token)) return text.slice(0, index);
    else if (")]}".includes(token)) depth--;
  }
  return text;
}

function literalsOf(expression: string): string[] {
  // What a value is compared with is no message.
  const spoken = expression.replaceAll(/[!=]== *"(?:[^"\\]|\\.)*"/g, "");
  return [...spoken.matchAll(/"((?:[^"\\]|\\.)*)"|`((?:[^`\\]|\\.)*)`/g)].map(
    ({ 1: quoted, 2: template }) => quoted ?? (template ?? "").replaceAll(/(?:\$\{(?:[^{}]|\{[^{}]*\})*\})+/g, "…"),
  );
}

const introduction = `Ropeway logs to standard output, a line at a time, without waiting for whoever reads it: a reader that is stuck costs lines (their number is printed to
standard error), not clients. \`log_level\` says what is printed, from \`debug\` to \`error\`; \`log_format\` in which form:

- \`text\`, for people: \`2006-01-02 15:04:05.000 INF message key=value nodeid=abc context=node\`, in local time, coloured on a terminal. Levels are \`DBG\`,
  \`INF\`, \`WRN\`, \`ERR\`. A value with spaces, \`=\` or quotes is a JSON string; control characters in it are escaped, so that a client can't forge a line.
  Values longer than 100 characters are cut, with the number of missing ones behind: \`abc...(42)\`. Errors are not cut.
- \`json\`, for machines: one object a line with \`time\` (ISO 8601, UTC), \`level\` (\`DEBUG\`, \`INFO\`, \`WARN\`, \`ERROR\`), \`msg\`, \`nodeid\`, \`context\` and the line's
  own fields. Values are cut at 4,000 characters.`;

const levelMeanings: readonly (readonly string[])[] = [
  [
    "`error`",
    "A fault of the server, or of its surroundings, that somebody has to look at. The server goes on, unless the line says that it ends",
  ],
  [
    "`warn`",
    "Something is wrong elsewhere (the application, Redis, a client's first fault, an option), and the server copes with it. Said once, not at every attempt",
  ],
  [
    "`info`",
    "The course of things: start and end, what is connected and what came back, clients that were dropped for being slow, metrics if asked for",
  ],
  [
    "`debug`",
    "The life of every client: opening, open or refused and why, each failed command, how it ended. Costs time with many clients",
  ],
];

const fieldsNote = `Besides \`time\`, \`level\`, \`msg\`, \`nodeid\` (which process) and \`context\`. A line has those that apply. To follow one client, [look for its \`sid\`](../observability.md#one-client).`;

const secrets = `No secret is logged on purpose. As a second line of defence these are replaced by \`[redacted]\` wherever they turn up:

- fields whose name contains \`secret\`, \`token\`, \`password\`, \`passphrase\`, \`authorization\`, \`cookie\`, \`credential\` or \`api_key\`, or has the word \`jid\` or \`jwt\` in it;
- user and password in URLs (\`redis://[redacted]@host\`);
- query parameters with such a name (\`?jid=[redacted]\`);
- what follows \`Bearer\`, and everything that looks like a JWT.

At level \`debug\` lines may contain what clients send. Don't leave it on in production.`;

const messagesNote = "All but those of level `debug`. `…` is a part that varies; whatever else varies is in the fields.";
