import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CableClient } from "../support/cable-client.ts";
import { channelApp } from "../support/channel-app.ts";
import { startGrpcApp, type GrpcApp } from "../support/grpc-app.ts";
import { startPrometheus, type Prometheus } from "../support/prometheus.ts";
import { startRopeway, type Ropeway } from "../support/ropeway.ts";

interface Dashboard {
  readonly templating: { readonly list: readonly { readonly type: string; readonly query: { readonly query: string } }[] };
  readonly panels: readonly {
    readonly id: number;
    readonly type: string;
    readonly title: string;
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
    readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
  }[];
}

const dashboard = JSON.parse(readFileSync(new URL("../../docs/grafana/ropeway.json", import.meta.url), "utf8")) as Dashboard;
const questions = dashboard.panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr, legendFormat }) => [`${title}: ${legendFormat}`, expr] as const),
);

/** As Grafana fills them in when everything is chosen. */
function filledIn(expression: string): string {
  return expression.replaceAll("$__rate_interval", "5s").replaceAll(/\$(?:job|instance)\b/g, ".*");
}

describe("the Grafana dashboard", () => {
  let app: GrpcApp;
  let ropeway: Ropeway;
  let prometheus: Prometheus;
  let isOver = false;
  let load: Promise<void>;

  beforeAll(async () => {
    app = await startGrpcApp({
      application: channelApp({
        channels: {
          RoomChannel: { subscribed: (call) => call.streamFrom("room"), actions: { speak: (call, { text }) => call.transmit(text) } },
        },
        broadcast: (stream, message) => ropeway.publish({ stream, data: JSON.stringify(message) }),
      }),
    });
    ropeway = await startRopeway([`--rpc_host=${app.address}`]);
    load = talk(ropeway, () => isOver);
    prometheus = await startPrometheus({ target: `127.0.0.1:${ropeway.port}`, job: "cable" });
  });

  afterAll(async () => {
    isOver = true;
    await load;
    await prometheus?.stop();
    await ropeway?.stop();
    await app?.kill();
  });

  it("asks many questions", () => {
    expect(questions.length).toBeGreaterThan(40);
    expect(new Set(questions.map(([, expr]) => expr)).size).toBe(questions.length);
  });

  it.each(questions)("is answered by a Prometheus under load: %s", async (_title, expr) => {
    await expect
      .poll(async () => (await prometheus.query(filledIn(expr))).filter((value) => Number.isFinite(value) && value >= 0).length, {
        timeout: 10_000,
      })
      .toBeGreaterThan(0);
  });

  it("shows what happens: every lively number is above nothing", async () => {
    const lively = ["clients", "understood", "written", "from the application", "calls", "p99", "to clients", "messages"];
    for (const [title, expr] of questions.filter(([title]) => lively.some((legend) => title.endsWith(`: ${legend}`)))) {
      await expect
        .poll(async () => Math.max(0, ...(await prometheus.query(filledIn(expr)))), { message: title, timeout: 5_000 })
        .toBeGreaterThan(0);
    }
  });

  it("lets the viewer choose among the jobs and nodes that there are", async () => {
    const choices = dashboard.templating.list.filter(({ type }) => type === "query");
    expect(choices).toHaveLength(2);
    for (const { query } of choices) {
      const [, metric, label] = /^label_values\((.+), (\w+)\)$/.exec(query.query)!;
      await expect.poll(() => prometheus.query(`count by (${label}) (${filledIn(metric!)})`)).toEqual([1]);
    }
  });

  it("has no panel over another", () => {
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    expect(Math.max(...dashboard.panels.map(({ gridPos: { x, w } }) => x + w))).toBe(24);
  });
});

/** A few clients that talk, as long as it takes: rates need something that goes on. */
async function talk(ropeway: Ropeway, isOver: () => boolean): Promise<void> {
  const identifier = JSON.stringify({ channel: "RoomChannel" });
  const clients = await Promise.all([1, 2, 3].map(() => CableClient.connect(ropeway.cable)));
  for (const client of clients) await client.subscribe(identifier);
  for (let number = 0; !isOver(); number++) {
    await ropeway.publish({ stream: "room", data: String(number) });
    for (const client of clients) {
      expect(await client.next()).toMatchObject({ message: number });
      client.say({ command: "message", identifier, data: JSON.stringify({ action: "speak", text: "hi" }) });
      expect(await client.next()).toMatchObject({ message: "hi" });
    }
  }
  for (const client of clients) await client.close();
}
