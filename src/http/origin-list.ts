/**
 * Matches the Origin header against a list of hosts, as AnyCable's `allowed_origins` does. An entry is `host` or `host:port`, in any case;
 * one that begins with `*` matches the end of the host. Unlike AnyCable's, that end is one of whole labels: `*example.io` matches
 * `example.io` and `a.example.io`, not `evilexample.io`; `*.example.io` only what is below it. `*` alone matches everything, even a missing
 * Origin; nothing else matches that. Empty entries are ignored. An entry written as a URL (`https://example.io`) also fixes the scheme.
 */
export function originMatcher(entries: readonly string[]): (origin: string | undefined) => boolean {
  const tests = entries
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => entry !== "")
    .map(hostTest);
  if (tests.includes(anything)) return () => true;
  return (origin) => {
    if (origin === undefined) return false;
    // An opaque origin, `null`, is no URL, and a URL like `data:` has no host.
    const url = URL.canParse(origin) ? new URL(origin) : undefined;
    if (url === undefined || url.host === "") return false;
    return tests.some((test) => test(url.host.toLowerCase(), url.protocol));
  };
}

type HostTest = (host: string, protocol: string) => boolean;

function anything(): boolean {
  return true;
}

function hostTest(entry: string): HostTest {
  if (entry === "*") return anything;
  const [, protocol, pattern = ""] = /^(?:([a-z][a-z0-9+.-]*:)\/\/)?(.*?)\/?$/s.exec(entry) ?? [];
  const test = patternTest(pattern);
  return protocol === undefined ? test : (host, of) => of === protocol && test(host, of);
}

function patternTest(pattern: string): HostTest {
  if (!pattern.startsWith("*")) return (host) => host === pattern;
  const end = pattern.slice(1);
  if (!/^[a-z0-9]/.test(end)) return (host) => host.endsWith(end);
  return (host) => host === end || host.endsWith(`.${end}`);
}
