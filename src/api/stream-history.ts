import type { HistoryAnswer, StreamHistory } from "../broker/broker.ts";
import { CableError } from "../errors.ts";
import type { Publication, StreamPosition } from "../publications/publication.ts";
import { newest } from "./newest.ts";
import { malformed, text, wholeNumber } from "./query.ts";

const defaultLimit = 100;
const maxLimit = 1_000;
/** One publication alone may be larger. */
const maxPageBytes = 1024 * 1024;
/** In seconds this is the year 5138; the same time in milliseconds, which somebody will send, is far above it. */
const latestSecond = 99_999_999_999;

/**
 * What is kept of a stream, oldest first, as publishers sent it and each with its position. From a position (`after` and `epoch`) or a
 * second (`since`) on it is everything, or nothing: `api.gone`. Without these it is the newest that there is. A page ends at `limit`, or
 * at 1 MiB; `next` is then what to ask for.
 * @throws {CableError} `api.unsupported`, `api.malformed`, `api.not_found`, `api.gone`, `broker.unavailable`
 */
export async function streamHistory(history: StreamHistory | undefined, stream: string, query: URLSearchParams): Promise<string> {
  if (history === undefined) {
    throw new CableError("api.unsupported", "Nobody keeps history here: this server has no broker, or one without history.");
  }
  const limit = wholeNumber(query, "limit", 1, maxLimit) ?? defaultLimit;
  const from = startOf(query);
  if (!history.keeps(stream)) throw new CableError("api.not_found", "Publications of this stream are not kept.");

  const answer = await read(history, stream, from, limit);
  if (answer.status === "gone") {
    throw new CableError("api.gone", `Not everything since then is kept (${answer.why}). Ask without after and since for what is.`);
  }
  const { head } = answer;
  const { items, next } = page(answer.publications, limit);
  return (
    `{"type":"history","stream":${JSON.stringify(stream)},"scope":"${history.scope}",` +
    `"head":${head === undefined ? "null" : JSON.stringify({ epoch: head.epoch, offset: head.offset })},` +
    `"publications":[${items.join(",")}]` +
    `${next === undefined ? "" : `,"next":${JSON.stringify({ after: next.offset, epoch: next.epoch })}`}}`
  );
}

type Start = { readonly position: StreamPosition } | { readonly second: number } | "newest";

function startOf(query: URLSearchParams): Start {
  const offset = wholeNumber(query, "after", 0, Number.MAX_SAFE_INTEGER);
  const epoch = text(query, "epoch");
  const second = wholeNumber(query, "since", 0, latestSecond);
  if (offset !== undefined && epoch !== undefined) {
    if (second !== undefined) throw malformed("since and after are two different places to begin; give one");
    return { position: { epoch, offset } };
  }
  if (offset !== undefined) throw malformed("after needs the epoch that the offset belongs to");
  if (epoch !== undefined) throw malformed("epoch needs the offset to begin after");
  return second === undefined ? "newest" : { second };
}

function read(history: StreamHistory, stream: string, from: Start, limit: number): HistoryAnswer | Promise<HistoryAnswer> {
  if (from === "newest") return newest(history, stream, limit);
  // Everything means everything: also what the store lost before it was there again.
  return "second" in from ? history.since(stream, from.second, true) : history.after(stream, from.position);
}

/** As many as fit, but one at least. `next` is the position of the last one when there are more. */
function page(publications: readonly Publication[], limit: number): { readonly items: readonly string[]; readonly next?: StreamPosition } {
  const items: string[] = [];
  let sizeBytes = 0;
  for (const [at, publication] of publications.entries()) {
    const item = itemOf(publication);
    sizeBytes += Buffer.byteLength(item);
    if (at > 0 && (at === limit || sizeBytes > maxPageBytes)) return { items, next: publications[at - 1]!.position! };
    items.push(item);
  }
  return { items };
}

/** `data` is a string, as in what was published, so that no number in it loses digits. Who must not hear it is between client and publisher. */
function itemOf({ position, json, broadcastType }: Publication): string {
  const { epoch, offset } = position!;
  return JSON.stringify({ epoch, offset, data: json, ...(broadcastType !== undefined && { meta: { broadcast_type: broadcastType } }) });
}
