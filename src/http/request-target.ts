/** What a request asks for, as it was sent. */
export interface RequestTarget {
  /** Of the path, between its slashes. Not decoded: a slash that was encoded is none. */
  readonly segments: readonly string[];
  readonly query: URLSearchParams;
}

/** Reads a request's `url`, which proxies may send with scheme and host. Never throws: what can't be decoded stays as it is. */
export function readTarget(url: string): RequestTarget {
  const path = url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, "").replace(/#.*$/s, "");
  const mark = path.indexOf("?");
  const [pathname, query] = mark === -1 ? [path, ""] : [path.slice(0, mark), path.slice(mark + 1)];
  return { segments: pathname.split("/").slice(1), query: new URLSearchParams(query) };
}
