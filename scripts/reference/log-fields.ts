/** What the fields of log lines mean. tests/docs/reference.test.ts compares the names with the calls in the sources. */
export const logFields: Readonly<Record<string, string>> = {
  sid: "The client's session. Every line about one client has it; the application gets it with each call (`sid` of gRPC's metadata, `x-anycable-meta-sid` over HTTP), and a span as `ropeway.sid`",
  earlier_sid: "The session that a client wants to go on with",
  request_id: "The client's `X-Request-ID`, as the proxy in front of us sent it: it leads from that proxy's log to the `sid`",
  code: "A code of [the table of errors](errors.md), or of [how connections end](close-codes.md)",
  error: "What went wrong, with its causes after `<-`",
  stack: "Where, for a fault of the server",
  why: "Why a client was refused",
  reason: "What a client was told when its connection was closed",
  clean: "Whether the client took part in the end of its connection",
  fault: "What broke a connection below the level of messages",
  command: "A client's command, or the application's",
  identifier: "The subscription that it is about, as the client sent it",
  protocol: "The client's subprotocol, or how traces are written",
  type: "What the application's answer says of presence",
  params: "Query parameters that were not understood",
  remote_addr: "The client's IP address, where there is no session yet",
  origin: "The page that wanted to connect",
  waiting_bytes: "What waited for a client that did not read",
  path: "Path of an HTTP request, without its query",
  host: "Name that an HTTP request was for",
  max_conn: "The limit that was reached",
  target: "Address of another server",
  server: "The same, one of several",
  address: "Where the server listens, or which of several it lost or found",
  redis: "Redis, without its password",
  line: "What the embedded NATS server said, without passwords",
  server_name: "Its name among other NATS servers",
  version: "Its version",
  pid: "Its process",
  channel: "Channel of Redis that publications come from",
  nats: "NATS, without its password",
  subject: "The same of NATS",
  stream: "The stream that it is about. From `redisx`: the Redis stream that publications come from",
  streams: "How many streams",
  publications: "How many publications",
  members: "How many clients are present in streams",
  group: "Consumer group of a Redis stream",
  entry: "Id of an entry there",
  entries: "How many entries",
  rejected: "Redis stream for what can't be handled",
  policy: "`maxmemory-policy` of Redis: what it does when its memory is full",
  refusal: "What Redis said when an entry was to be put there",
  times: "How often it happened since it was told before",
  away_ms: "How long it had been away",
  retry_in_ms: "When it is tried again",
  name: "Which of several circuit breakers",
  calls: "How many calls were made",
  failures: "How many of them failed",
  capacity: "How many Disconnect calls may wait",
  dropped: "Disconnect calls that were not made",
  unfinished: "Disconnect calls that had been made, but not answered, when time was up",
  part: "Part of the server",
  signal: "Signal that ends the process",
  delay_ms: "`shutdown_delay`",
  config: "The configuration file that was read",
  param: "`jwt_param`",
  enforced: "`enforce_jwt`",
  authorized: "Whether callers of the API have to show its key",
  keys: "How many keys there are",
  ignored_keys: "Keys of a set that can't be used",
  names: "Names: of metrics, or of those that a certificate is for",
  problem: "What is wrong with a certificate or its files",
  valid_from: "From when a certificate is valid",
  valid_to: "Until when",
  sha256: "Its fingerprint",
  interval: "Seconds between two lines or packets of metrics",
  fields: "`metrics_log_filter`",
  prefix: "`statsd_prefix`",
  tags_format: "`statsd_tags_format`",
  sampler: "`OTEL_TRACES_SAMPLER`",
};

/** The names of the fields in calls like `logger.info("text", { name: value })`, and in a `fields` that is passed to one. */
export function fieldsIn(source: string): readonly string[] {
  const calls = [...source.matchAll(/logger\.(?:error|warn|info|debug)\(/gi)].map(({ index, 0: { length } }) =>
    secondArgument(source.slice(index + length)),
  );
  const named = [...source.matchAll(/\bfields = (?=\{)/g)].map(({ index, 0: { length } }) => source.slice(index + length));
  return [...new Set([...calls, ...named].flatMap(keysOf))].toSorted();
}

const tokens = /"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`|[()[\]{},]/g;

/** What follows the first comma that belongs to the call itself. */
function secondArgument(text: string): string {
  let depth = 0;
  for (const { 0: token, index } of text.matchAll(tokens)) {
    if ("([{".includes(token)) depth++;
    else if (depth === 0 && token === ",") return text.slice(index + 1).trimStart();
    else if (")]}".includes(token) && --depth < 0) return "";
  }
  return "";
}

/** The keys of the object literal that the text begins with; those of literals that are spread into it as well. */
function keysOf(text: string): readonly string[] {
  if (!text.startsWith("{")) return [];
  const keys: string[] = [];
  let depth = 0;
  let member = "";
  let last = 0;
  for (const { 0: token, index } of text.matchAll(tokens)) {
    if (depth === 1) member += text.slice(last, index);
    last = index + token.length;
    const closes = ")]}".includes(token);
    if ("([{".includes(token)) {
      if (depth === 1 && member.trimStart().startsWith("...") && token === "(") keys.push(...keysOf(text.slice(text.indexOf("{", index))));
      depth++;
    }
    if (depth === 1 && (token === "," || closes)) {
      const name = /^\s*([A-Za-z_]\w*)\s*(?::|$)/.exec(member)?.[1];
      if (name !== undefined) keys.push(name);
      member = "";
    }
    if (closes && --depth === 0) break;
  }
  return keys;
}
