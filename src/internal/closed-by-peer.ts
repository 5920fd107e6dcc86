/** What Node.js says, depending on the moment, when something is written to a connection that the other side has closed. */
const codes: ReadonlySet<unknown> = new Set(["EPIPE", "ERR_STREAM_WRITE_AFTER_END", "ERR_STREAM_DESTROYED"]);

/** Whether an error only means that the other side has closed the connection: its own words would tell nobody so. */
export function isClosedByPeer(error: unknown): boolean {
  return error instanceof Error && "code" in error && codes.has(error.code);
}
