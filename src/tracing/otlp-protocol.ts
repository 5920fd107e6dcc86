import { CableError } from "../errors.ts";

/** How spans are written for the collector. */
export type OtlpProtocol = "http/protobuf" | "http/json";

/** From OpenTelemetry's standard variables; its default. @throws {CableError} `config.invalid_value` */
export function otlpProtocolOf(env: Readonly<Record<string, string | undefined>>): OtlpProtocol {
  const name = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"].find((variable) => env[variable]);
  const protocol = name === undefined ? "http/protobuf" : env[name]!;
  if (protocol === "http/protobuf" || protocol === "http/json") return protocol;
  throw new CableError(
    "config.invalid_value",
    `${name} is ${JSON.stringify(protocol.slice(0, 200))}, but takes http/protobuf or http/json; collectors listen for both at port 4318`,
  );
}

/**
 * What to install. These lines of OpenTelemetry are the last that run on Node 20; the newer ones (sdk-trace 3, exporters from 0.300 on) need
 * Node 22.15 and work as well.
 */
export function packagesFor(protocol: OtlpProtocol): readonly string[] {
  const exporter = protocol === "http/json" ? "@opentelemetry/exporter-trace-otlp-http" : "@opentelemetry/exporter-trace-otlp-proto";
  return ["@opentelemetry/api@~1.9", "@opentelemetry/sdk-trace@^2.12", "@opentelemetry/resources@^2.12", `${exporter}@~0.223`];
}
