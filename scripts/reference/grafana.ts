// docs/grafana/ropeway.json: a dashboard to import into Grafana. tests/conformance/grafana.test.ts asks a Prometheus every question of it.

/** One question to Prometheus, and how its answers are called. */
interface Query {
  readonly expr: string;
  readonly legend: string;
}

interface Panel {
  readonly title: string;
  readonly description?: string;
  /** Grafana's name: `short`, `reqps`, `s`, `bytes`, `percentunit`. */
  readonly unit: string;
  readonly queries: readonly Query[];
}

interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

/** Chosen at the top of the dashboard. */
const chosen = 'job=~"$job",instance=~"$instance"';

function gauge(name: string, legend: string): Query {
  return { expr: `sum(anycable_go_${name}{${chosen}})`, legend };
}

function rate(name: string, legend: string): Query {
  return { expr: `sum(rate(anycable_go_${name}{${chosen}}[$__rate_interval]))`, legend };
}

function quantiles(name: string): Query[] {
  return [0.5, 0.95, 0.99].map((quantile) => ({
    expr: `histogram_quantile(${quantile}, sum by (le) (rate(anycable_go_${name}_bucket{${chosen}}[$__rate_interval])))`,
    legend: `p${quantile * 100}`,
  }));
}

/** A number of the process, a line for each. */
function perNode(metric: string, wrap: (selector: string) => string = (selector) => selector): Query {
  return { expr: `max by (instance) (${wrap(`${metric}{${chosen}}`)})`, legend: "{{instance}}" };
}

const perSecond = (selector: string): string => `rate(${selector}[$__rate_interval])`;

const rows: readonly Row[] = [
  {
    title: "Clients",
    panels: [
      {
        title: "Clients",
        unit: "short",
        queries: [
          gauge("clients_num", "clients"),
          gauge("clients_uniq_num", "distinct identifiers"),
          gauge("broadcast_streams_num", "streams (sum of nodes)"),
        ],
      },
      { title: "Clients per node", unit: "short", queries: [perNode("anycable_go_clients_num")] },
      {
        title: "Turned away",
        description:
          "Too slow: more waited for the client than ws_max_pending_size. Write timeout: a write took longer than ws_write_timeout.",
        unit: "reqps",
        queries: [
          rate("failed_auths_total", "refused"),
          rate("disconnected_slow_clients_total", "too slow"),
          rate("timeout_server_msg_total", "write timeout"),
          rate("limited_connects_total", "limit: connects"),
          rate("limited_clients_total", "limit: commands, bytes"),
        ],
      },
    ],
  },
  {
    title: "Messages",
    panels: [
      {
        title: "From clients",
        unit: "reqps",
        queries: [
          rate("client_msg_total", "understood"),
          rate("failed_client_msg_total", "failed"),
          rate("limited_whispers_total", "whispers over the limit"),
        ],
      },
      {
        title: "To clients",
        unit: "reqps",
        queries: [rate("server_msg_total", "written"), rate("failed_server_msg_total", "client was gone")],
      },
      { title: "Traffic", unit: "Bps", queries: [rate("data_sent_total", "to clients"), rate("data_rcvd_total", "from clients")] },
    ],
  },
  {
    title: "Publications",
    panels: [
      {
        title: "Publications",
        unit: "reqps",
        queries: [
          rate("publications_total", "from the application"),
          rate("broadcast_msg_total", "handled (sum of nodes)"),
          rate("failed_broadcast_msg_total", "malformed"),
          rate("remote_commands_total", "remote commands"),
        ],
      },
      {
        title: "From arrival to the last socket",
        description: "Of one node, for publications that somebody there hears.",
        unit: "s",
        queries: quantiles("publication_delivery_seconds"),
      },
      {
        title: "Messages written for each publication",
        unit: "short",
        queries: [
          {
            expr: `sum(rate(anycable_go_server_msg_total{${chosen}}[$__rate_interval])) / sum(rate(anycable_go_publications_total{${chosen}}[$__rate_interval]))`,
            legend: "messages",
          },
        ],
      },
    ],
  },
  {
    title: "The application (RPC)",
    panels: [
      {
        title: "Calls",
        unit: "reqps",
        queries: [
          rate("rpc_call_total", "calls"),
          rate("rpc_error_total", "errors"),
          rate("rpc_timeout_total", "timeouts"),
          rate("rpc_canceled_total", "given up: client gone"),
          rate("rpc_retries_total", "attempts made again"),
        ],
      },
      {
        title: "Duration of calls",
        description: "With the wait for a free slot, and with retries.",
        unit: "s",
        queries: quantiles("rpc_duration_seconds"),
      },
      {
        title: "Waiting",
        description: "Calls wait when rpc_concurrency of them are running: the application is the bottleneck.",
        unit: "short",
        queries: [
          gauge("rpc_pending_num", "calls without a slot"),
          gauge("disconnect_queue_size", "Disconnect calls"),
          gauge("grpc_active_conn_num", "gRPC connections"),
          gauge("rpc_circuit_open", "nodes that have given up for now (HTTP)"),
        ],
      },
      { title: "Disconnect calls that were never made", unit: "reqps", queries: [rate("disconnect_calls_dropped_total", "dropped")] },
    ],
  },
  {
    title: "The processes",
    panels: [
      {
        title: "Event loop: busy share of the time",
        description: "Near 1 a process is at its limit, however many cores the machine has.",
        unit: "percentunit",
        queries: [perNode("anycable_go_event_loop_utilization")],
      },
      { title: "Event loop: delay, p99", unit: "s", queries: [perNode("nodejs_eventloop_lag_p99_seconds")] },
      { title: "CPU", unit: "percentunit", queries: [perNode("process_cpu_seconds_total", perSecond)] },
      { title: "Memory", unit: "bytes", queries: [perNode("anycable_go_mem_sys_bytes")] },
      { title: "Heap in use", unit: "bytes", queries: [perNode("nodejs_heap_size_used_bytes")] },
      {
        title: "Garbage collection: share of the time",
        unit: "percentunit",
        queries: [
          {
            expr: `sum by (instance) (rate(nodejs_gc_duration_seconds_sum{${chosen}}[$__rate_interval]))`,
            legend: "{{instance}}",
          },
        ],
      },
      {
        title: "Open files: share of the limit",
        description: "A connection takes one.",
        unit: "percentunit",
        queries: [{ expr: `max by (instance) (process_open_fds{${chosen}} / process_max_fds{${chosen}})`, legend: "{{instance}}" }],
      },
      { title: "Active handles", unit: "short", queries: [perNode("anycable_go_goroutines_num")] },
      { title: "Up for", unit: "s", queries: [perNode("process_start_time_seconds", (selector) => `time() - ${selector}`)] },
    ],
  },
];

const dashboardUid = "ropeway";
const datasource = { type: "prometheus", uid: "${datasource}" };
const panelsInRow = 3;
const columns = 24;
const panelHeight = 8;

/** The text of `docs/grafana/ropeway.json`. */
export function renderGrafanaDashboard(): string {
  let id = 0;
  let y = 0;
  const panels: object[] = [];
  for (const row of rows) {
    panels.push({ id: ++id, type: "row", title: row.title, collapsed: false, gridPos: { h: 1, w: columns, x: 0, y: y++ }, panels: [] });
    for (const [index, panel] of row.panels.entries()) {
      const column = index % panelsInRow;
      if (column === 0 && index > 0) y += panelHeight;
      const w = columns / panelsInRow;
      panels.push(timeSeries(++id, panel, { h: panelHeight, w, x: column * w, y }));
    }
    y += panelHeight;
  }
  const dashboard = {
    uid: dashboardUid,
    title: "Ropeway",
    description: "Clients, messages, publications, calls to the application, and the processes behind them.",
    tags: ["ropeway", "anycable"],
    schemaVersion: 39,
    version: 1,
    editable: true,
    refresh: "30s",
    time: { from: "now-1h", to: "now" },
    templating: { list: variables() },
    panels,
  };
  return `${JSON.stringify(dashboard, null, 2)}\n`;
}

function timeSeries(id: number, { title, description, unit, queries }: Panel, gridPos: object): object {
  return {
    id,
    type: "timeseries",
    title,
    ...(description !== undefined && { description }),
    datasource,
    gridPos,
    fieldConfig: { defaults: { unit, min: 0, custom: { fillOpacity: 10, showPoints: "never" } }, overrides: [] },
    options: { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi", sort: "desc" } },
    targets: queries.map(({ expr, legend }, index) => ({ refId: String.fromCharCode(65 + index), datasource, expr, legendFormat: legend })),
  };
}

function variables(): object[] {
  const ofLabel = (name: string, label: string, query: string): object => ({
    name,
    label,
    type: "query",
    datasource,
    query: { query, refId: name },
    refresh: 2,
    includeAll: true,
    allValue: ".*",
    multi: true,
    current: { text: ["All"], value: ["$__all"] },
  });
  return [
    { name: "datasource", label: "Data source", type: "datasource", query: "prometheus" },
    ofLabel("job", "Job", "label_values(anycable_go_clients_num, job)"),
    ofLabel("instance", "Node", 'label_values(anycable_go_clients_num{job=~"$job"}, instance)'),
  ];
}
