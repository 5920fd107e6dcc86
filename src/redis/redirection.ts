/** What a node of a cluster answers when another one is to be asked, or the same one a little later. */
export type Redirection =
  /** `moved`: from now on; `ask`: this once, with ASKING before it. `to`: host and port. */
  { readonly kind: "moved" | "ask"; readonly to: readonly [host: string, port: string] } | { readonly kind: "retry" };

/** Reads `MOVED 3999 127.0.0.1:6381`, `ASK …` and `TRYAGAIN …` (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/). */
export function redirectionOf(error: unknown): Redirection | undefined {
  if (!(error instanceof Error)) return undefined;
  const [, kind, host, port] = /^(MOVED|ASK) \d+ (.*):(\d+)$/.exec(error.message) ?? [];
  if (kind !== undefined) return { kind: kind === "ASK" ? "ask" : "moved", to: [host!, port!] };
  return error.message.startsWith("TRYAGAIN") ? { kind: "retry" } : undefined;
}
