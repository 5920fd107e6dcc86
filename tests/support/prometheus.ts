import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { vi } from "vitest";
import { freePort } from "./free-port.ts";

/** A real Prometheus that scrapes one target twice a second. */
export interface Prometheus {
  /** The values that an expression has now, one for each series. @throws with Prometheus's own words when it is malformed. */
  query(expression: string): Promise<number[]>;
  stop(): Promise<void>;
}

export interface PrometheusOptions {
  /** `host:port` that answers at /metrics. */
  readonly target: string;
  readonly job: string;
}

export async function startPrometheus({ target, job }: PrometheusOptions): Promise<Prometheus> {
  const folder = mkdtempSync(join(tmpdir(), "ropeway-prometheus-"));
  const port = await freePort();
  writeFileSync(
    join(folder, "prometheus.yml"),
    JSON.stringify({
      global: { scrape_interval: "500ms", scrape_timeout: "500ms" },
      scrape_configs: [{ job_name: job, static_configs: [{ targets: [target] }] }],
    }),
  );
  const child = spawn(
    "prometheus",
    [
      `--config.file=${join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=warn",
    ],
    { stdio: ["ignore", "inherit", "pipe"] },
  );
  // Whatever happens to the tests, it does not outlive them.
  const killed = (): void => void child.kill("SIGKILL");
  process.once("exit", killed);
  let complaints = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (complaints += text));
  const failure = once(child, "exit").then(([code]) => `prometheus ended with ${String(code)}: ${complaints}`);
  let ended: string | undefined;
  void failure.then((why) => (ended = why));
  const url = `http://127.0.0.1:${port}`;
  await vi.waitFor(async () => {
    if (ended !== undefined) return;
    const response = await fetch(`${url}/-/ready`);
    if (response.status !== 200) throw new Error(`prometheus is not ready: ${response.status}`);
  }, 15_000);
  if (ended !== undefined) throw new Error(ended);
  return {
    async query(expression) {
      const response = await fetch(`${url}/api/v1/query?${new URLSearchParams({ query: expression }).toString()}`);
      const answer = (await response.json()) as
        | { readonly status: "success"; readonly data: { readonly result: readonly { readonly value: readonly [number, string] }[] } }
        | { readonly status: "error"; readonly error: string };
      if (answer.status === "error") throw new Error(`${expression}: ${answer.error}`);
      return answer.data.result.map(({ value }) => Number(value[1]));
    },
    async stop() {
      process.off("exit", killed);
      killed();
      await failure;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
