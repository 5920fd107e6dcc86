import { CableError } from "../errors.ts";
import type { Config, Listen } from "./config.ts";
import type { Settings } from "./layers.ts";

type Metrics = Config["metrics"];

/** Where metrics are shown, printed and sent. @throws {CableError} `config.invalid_value` */
export function deriveMetrics(settings: Settings, listen: Listen): Metrics {
  const httpPath = settings.text("metrics_http");
  return {
    httpPath: httpPath === "" ? undefined : httpPath,
    listen,
    tags: settings.tags("metrics_tags"),
    hasMemoryGauges: settings.flag("memory_metrics"),
    rotateIntervalMs: settings.number("metrics_rotate_interval") * 1_000,
    log: settings.flag("metrics_log") ? { filter: settings.list("metrics_log_filter") } : undefined,
    statsd: deriveStatsd(settings),
  };
}

/** Where StatsD servers listen when nobody says otherwise. */
const STATSD_PORT = 8_125;

function deriveStatsd(settings: Settings): Metrics["statsd"] {
  const text = settings.text("statsd_host").trim();
  if (text === "") return undefined;
  const address = /^(?:\[(?<ipv6>[0-9a-f:.%]+)\]|(?<name>[^\s:/@[\]]+))(?::(?<port>\d{1,5}))?$/iu.exec(text)?.groups;
  const port = Number(address?.["port"] ?? STATSD_PORT);
  const host = address?.["ipv6"] ?? address?.["name"];
  if (host === undefined || port < 1 || port > 65_535) {
    throw new CableError(
      "config.invalid_value",
      `${settings.get("statsd_host").origin} is ${JSON.stringify(text.slice(0, 200))}, but takes host:port, such as localhost:8125`,
    );
  }
  return {
    host,
    port,
    prefix: settings.text("statsd_prefix"),
    maxPacketBytes: settings.number("statsd_max_packet_size"),
    tagsFormat: settings.text("statsd_tags_format") as NonNullable<Metrics["statsd"]>["tagsFormat"],
  };
}
