import { CableError } from "../errors.ts";
import type { OtlpOptions, otlpTracing } from "./otlp.ts";
import { otlpProtocolOf, packagesFor } from "./otlp-protocol.ts";

/**
 * Loads OpenTelemetry, which is not installed with Ropeway, and starts to record. undefined when OTEL_SDK_DISABLED says not to.
 * @throws {CableError} `config.missing_package` with the line that installs it; `config.invalid_value` for a bad variable.
 */
export async function loadOtlpTracing(
  options: Omit<OtlpOptions, "protocol">,
): Promise<Awaited<ReturnType<typeof otlpTracing>> | undefined> {
  const { env, logger } = options;
  if (env["OTEL_SDK_DISABLED"]?.toLowerCase() === "true") {
    logger.info("Traces are off: OTEL_SDK_DISABLED is true");
    return undefined;
  }
  const protocol = otlpProtocolOf(env);
  try {
    const { otlpTracing } = await import("./otlp.ts");
    return await otlpTracing({ ...options, protocol });
  } catch (error) {
    if (!isMissingPackage(error)) throw error;
    const packages = packagesFor(protocol).join(" ");
    throw new CableError("config.missing_package", `tracing=otlp needs packages that are not installed: npm install ${packages}`, {
      cause: error,
    });
  }
}

function isMissingPackage(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND" && error.message.includes("'@opentelemetry/");
}
