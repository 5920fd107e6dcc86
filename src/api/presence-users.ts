import type { PresenceStore } from "../broker/broker.ts";
import { CableError } from "../errors.ts";
import { flag } from "./query.ts";

/**
 * Who is present in a stream: `{"type":"info","total":2,"records":[{"info":…,"id":"…"}]}`, as AnyCable 1.6.16 says it, in this order of
 * keys and without `records` when nobody is there. `?records=false` counts only.
 * @throws {CableError} `api.unsupported`, `api.malformed`, `broker.unavailable`
 */
export async function presenceUsers(store: PresenceStore | undefined, stream: string, query: URLSearchParams): Promise<string> {
  if (store === undefined) {
    throw new CableError("api.unsupported", "Nobody keeps presence here: this server has no broker, or one without presence.");
  }
  const { total, records = [] } = await store.info(stream, flag(query, "records") ?? true);
  // What a client said about itself goes out as it came in.
  const items = records.map(({ id, info }) => `{"info":${info},"id":${JSON.stringify(id)}}`);
  return `{"type":"info","total":${total}${items.length === 0 ? "" : `,"records":[${items.join(",")}]`}}`;
}
