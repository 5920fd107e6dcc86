/**
 * Every operation of the REST API, below its base path. The first two are AnyCable's (1.6.16). The server finds its way by this table, and
 * `docs/reference/openapi.json` is written from it.
 */
export const apiRoutes = {
  publish: { method: "POST", path: "/publish" },
  presenceUsers: { method: "GET", path: "/presence/{stream}/users" },
  streamHistory: { method: "GET", path: "/streams/{stream}/history" },
  node: { method: "GET", path: "/node" },
} as const;

export type ApiOperation = keyof typeof apiRoutes;

export interface FoundOperation {
  readonly operation: ApiOperation;
  /** Decoded; empty for operations without one. */
  readonly stream: string;
}

/**
 * `segments` are those below the base path, not decoded. A stream's name is one of them, with its slashes encoded, as it should be. Some
 * proxies decode what they pass on, so several are understood as well: what stands around a name decides where it ends.
 */
export function findOperation(segments: readonly string[]): FoundOperation | undefined {
  for (const [operation, { path }] of Object.entries(apiRoutes)) {
    const stream = match(path.split("/").slice(1), segments);
    if (stream !== undefined) return { operation: operation as ApiOperation, stream };
  }
  return undefined;
}

/** The paths to hang up for all that, below the base path; the last one is for what there is not. */
export const apiPaths: readonly string[] = [...Object.values(apiRoutes).map(({ path }) => path.replace(/\{.*$/s, "*")), "/*"];

function match(template: readonly string[], segments: readonly string[]): string | undefined {
  const at = template.indexOf("{stream}");
  if (at === -1) return isSame(template, segments) ? "" : undefined;
  const before = template.slice(0, at);
  const after = template.slice(at + 1);
  const end = segments.length - after.length;
  if (end <= at || !isSame(before, segments.slice(0, at)) || !isSame(after, segments.slice(end))) return undefined;
  const stream = decoded(segments.slice(at, end).join("/"));
  return stream === "" ? undefined : stream;
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((segment, at) => segment === other[at]);
}

/** undefined: not UTF-8, or a stray percent sign. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
