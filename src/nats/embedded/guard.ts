import { spawn } from "node:child_process";
import type { Socket } from "node:net";

/**
 * Waits for the end of its standard input, which comes when our process is gone, whatever ended it. $1: the server's pid. $2: its folder.
 * Signals for everybody (of a terminal, of systemd) must not end it before.
 */
const script = `trap '' HUP INT TERM
read -r _
kill -TERM "$1" 2>/dev/null
n=0
while kill -0 "$1" 2>/dev/null && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
kill -KILL "$1" 2>/dev/null
rm -rf -- "$2"
`;

/**
 * A shell that ends the server, and removes its folder, if our process ends without doing it: killed, crashed, out of memory. The server
 * then dies at once rather than stop in good order, since it can't write its log any more (Go: SIGPIPE); what JetStream acknowledged is
 * in its files all the same. For that reason it ends without the guard too, but only when it next has something to log.
 *
 * `onMissing` is called where there is no /bin/sh.
 */
export function guardServer(
  { pid, folder }: { readonly pid: number; readonly folder: string },
  onMissing: (error: Error) => void,
): { release(): void } {
  const guard = spawn("/bin/sh", ["-c", script, "sh", String(pid), folder], {
    // Its own session: what a terminal sends to all of a group, such as Ctrl-C, is not for it.
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
    env: { PATH: "/usr/bin:/bin" },
    cwd: "/",
  });
  guard.once("error", onMissing);
  guard.unref();
  // Node's type does not know that its pipes are sockets, and sockets keep a process alive. Without file descriptors there is none.
  const input = guard.stdin as Socket | undefined;
  input?.on("error", () => {}).unref();
  return { release: () => void guard.kill("SIGKILL") };
}
