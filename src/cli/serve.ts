import { randomBytes } from "node:crypto";
import { systemClock } from "../clock.ts";
import type { Config } from "../config/config.ts";
import { messageOf } from "../errors.ts";
import { startAll, stopAll } from "../lifecycle.ts";
import type { Logger } from "../logger.ts";
import { createLogger } from "../logging/create-logger.ts";
import { assemble, type Assembly, type Outside } from "./assemble.ts";

/** Runs the server until a signal ends it. Resolves when it listens. @throws {CableError} when it can't start. */
export async function serve(
  {
    config,
    warnings,
    notes,
    configPath,
  }: { config: Config; warnings: readonly string[]; notes: readonly string[]; configPath: string | undefined },
  version: string,
): Promise<void> {
  const clock = systemClock();
  const nodeId = config.server.nodeId ?? randomBytes(4).toString("hex");
  const logger = createLogger({ ...config.logging, nodeId, isTty: process.stdout.isTTY === true, clock });
  let phase: ReturnType<Outside["phase"]> = "starting";

  logger.info(
    `Starting Ropeway ${version} (pid: ${process.pid}, node: ${process.version})`,
    configPath === undefined ? {} : { config: configPath },
  );
  for (const note of notes) logger.info(note);
  for (const warning of warnings) logger.warn(warning);

  const assembly = await assemble(config, { logger, clock, version, nodeId, phase: () => phase });
  endOnFault(logger);
  await startAll(assembly.services);
  phase = "running";
  announce(config, assembly, logger);

  onSignal(logger, async () => {
    phase = "stopping";
    const { shutdownDelayMs, shutdownTimeoutMs } = config.server;
    if (shutdownDelayMs > 0) {
      logger.info("Still serving for the time of shutdown_delay", { delay_ms: shutdownDelayMs });
      await new Promise((resolve) => setTimeout(resolve, shutdownDelayMs));
    }
    const deadline = AbortSignal.timeout(shutdownTimeoutMs);
    await stopAll(assembly.services, deadline, (service, error) =>
      logger.error("A part did not stop as it should", { part: service.name, error: messageOf(error) }),
    );
    logger.info("Stopped");
  });
}

/** Lines that scripts written for AnyCable wait for. */
function announce(config: Config, { main }: Assembly, logger: Logger): void {
  const host = config.server.host.includes(":") ? `[${config.server.host}]` : config.server.host || "0.0.0.0";
  const scheme = config.server.tls ? "https" : "http";
  for (const path of config.websocket.paths) logger.info(`Handle WebSocket connections at ${scheme}://${host}:${main.port}${path}`);
  logger.info(
    config.rpc.implementation === "none" ? "RPC is off: there is no application to ask" : `RPC controller initialized: ${config.rpc.host}`,
  );
}

/** The first signal ends the process in good order, a second one at once. */
function onSignal(logger: Logger, stop: () => Promise<void>): void {
  let isStopping = false;
  const stopped = (signal: NodeJS.Signals): void => {
    if (isStopping) {
      logger.warn("Second signal: stopping at once", { signal });
      process.exit(1);
    }
    isStopping = true;
    // With the connections goes what kept the process alive: none of our timers does, and there are calls to be made again and waited for.
    setInterval(() => {}, 60_000);
    logger.info("Shutting down", { signal });
    void stop().then(() => process.exit(0));
  };
  process.on("SIGTERM", stopped);
  process.on("SIGINT", stopped);
}

/** A fault that nobody caught leaves the process in a state that nobody knows: say so and end, for the supervisor to start it again. */
function endOnFault(logger: Logger): void {
  const fault = (error: unknown): void => {
    logger.error("Ended by a fault of the server", { error });
    process.exit(1);
  };
  process.on("uncaughtException", fault);
  process.on("unhandledRejection", fault);
}
