import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

const isLinux = process.platform === "linux";
const tickMs: number = isLinux ? 1_000 / Number(execFileSync("getconf", ["CLK_TCK"])) : 10;

/** CPU time that a process has used so far, user and system, all its threads, in ms. The system counts in steps of 10 ms. */
export function cpuMsOf(pid: number): number {
  if (!isLinux) return psTimeMs(ps(pid, "time="));
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  // The second field is the program's name in brackets, which may hold spaces: count from behind it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * tickMs;
}

/** Resident memory of a process, in bytes. */
export function rssBytesOf(pid: number): number {
  const kilobytes = isLinux ? /^Rss: +(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "latin1"))?.[1] : ps(pid, "rss=");
  return Number(kilobytes) * 1_024;
}

/** Time that a core has been busy so far, whoever used it, in ms; undefined where the system does not tell. */
export function coreBusyMs(core: number): number | undefined {
  if (!isLinux) return undefined;
  const line = new RegExp(`^cpu${core} (.*)$`, "m").exec(readFileSync("/proc/stat", "latin1"))?.[1];
  if (line === undefined) return undefined;
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line.split(" ").map(Number);
  return (user + nice + system + irq + softirq + steal) * tickMs;
}

function ps(pid: number, field: string): string {
  return execFileSync("ps", ["-o", field, "-p", String(pid)], { encoding: "utf8" }).trim();
}

/** `[[days-]hours:]minutes:seconds` in ms. */
function psTimeMs(time: string): number {
  const [clock = "0", days = "0"] = time.split("-").reverse();
  return clock.split(":").reduce((sum, part) => sum * 60 + Number(part), 0) * 1_000 + Number(days) * 86_400_000;
}
