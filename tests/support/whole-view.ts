import type { NumberedSource } from "./numbered-publisher.ts";
import type { Heard, ReturningClient, StreamView } from "./returning-client.ts";

/** What is wrong with what a client heard: nothing, when all that was acknowledged is there, once and in order, or it was told. */
export function faultsOf(client: ReturningClient, publishers: readonly NumberedSource[]): string[] {
  const faults = client.others.map((message) => `heard ${JSON.stringify(message)}`);
  for (const [stream, view] of client.views) {
    const found = [...positionFaults(view.heard)];
    for (const publisher of publishers) if (publisher.stream === stream) found.push(...publisherFaults(view, publisher));
    faults.push(...found.map((fault) => `${stream}: ${fault}`));
  }
  return faults;
}

/** Offsets of an epoch follow each other, but for what the client was told, and no epoch comes back. */
function* positionFaults(heard: readonly Heard[]): Generator<string> {
  const past = new Set<string>();
  let last: { readonly epoch: string; readonly offset: number } | undefined;
  let isTold = false;
  for (const item of heard) {
    if (item.kind === "told") {
      isTold = true;
      continue;
    }
    const { epoch, offset } = item;
    const at = `${epoch}/${offset}`;
    if (last?.epoch === epoch) {
      if (offset <= last.offset) yield `${at} after ${last.offset}`;
      else if (offset !== last.offset + 1 && !isTold) yield `${at} after ${last.offset}, without being told`;
    } else if (last !== undefined) {
      past.add(last.epoch);
      if (past.has(epoch)) yield `${at}: an epoch that had ended`;
      if (!isTold) yield `${at} begins a new epoch, without being told`;
    }
    last = { epoch, offset };
    isTold = false;
  }
}

/**
 * What was acknowledged while the client was subscribed is there, in order and once, but for what it was told of. What was not may have been
 * stored all the same, and later than what came after it.
 */
function* publisherFaults({ heard, fromMs }: StreamView, { name, sent, promise }: NumberedSource): Generator<string> {
  const seen = new Set<number>();
  let newest = -1;
  let toldAtMs = -Infinity;
  for (const item of heard) {
    if (item.kind === "told") {
      toldAtMs = item.atMs;
      continue;
    }
    const { by, number } = item.body;
    if (by !== name) continue;
    if (sent[number] === undefined) yield `${name} never said ${JSON.stringify(item.body)}`;
    if (seen.has(number) && promise !== "at least once") yield `${name}'s ${number} again`;
    else if (number < newest && promise === "exact" && sent[number]?.isAcknowledged) yield `${name}'s ${number} after ${newest}`;
    seen.add(number);
    newest = Math.max(newest, number);
  }
  const missing = sent.flatMap(({ startedAtMs, isAcknowledged }, number) =>
    isAcknowledged && !seen.has(number) && startedAtMs >= Math.max(fromMs, toldAtMs) ? [number] : [],
  );
  if (missing.length > 0) yield `${name}'s ${missing.join(", ")} are missing`;
}
