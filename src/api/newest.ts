import type { HistoryAnswer, StreamHistory } from "../broker/broker.ts";

/**
 * The newest `count` publications of a stream, or all that are kept of them. A history answers from a position, completely or not at all,
 * so where less is kept the oldest one is searched for: with at most log2(count) more questions.
 */
export async function newest(history: StreamHistory, stream: string, count: number): Promise<HistoryAnswer> {
  const head = await history.head(stream);
  if (head === undefined) return { status: "complete", publications: [], head };
  const after = async (offset: number): Promise<HistoryAnswer> => history.after(stream, { epoch: head.epoch, offset });

  let lost = Math.max(0, head.offset - count);
  let found = await after(lost);
  if (found.status === "complete") return found;
  found = await after(head.offset);
  for (let kept = head.offset; kept - lost > 1 && found.status === "complete";) {
    const middle = lost + Math.floor((kept - lost) / 2);
    const answer = await after(middle);
    if (answer.status === "gone") {
      lost = middle;
    } else {
      kept = middle;
      found = answer;
    }
  }
  return found;
}
