import type { Logger } from "../../logger.ts";

type Level = "debug" | "info" | "warn" | "error";

/** What nats-server's levels are among ours. It ends after a fatal line. */
const levels: ReadonlyMap<string, Level> = new Map([
  ["TRC", "debug"],
  ["DBG", "debug"],
  ["INF", "info"],
  ["WRN", "warn"],
  ["ERR", "error"],
  ["FTL", "error"],
]);

/** A longer line is cut: traces hold whole messages. */
const mostCharacters = 16_384;
const mostRemembered = 5;

/** What a nats-server prints, line by line, turned into lines of our log. */
export class NatsLog {
  readonly #logger: Logger;
  readonly #secrets: readonly string[];
  #partial = "";
  #isChatty = true;
  readonly #complaints: string[] = [];

  /** None of `secrets` gets into the log. */
  constructor(logger: Logger, secrets: readonly string[]) {
    this.#logger = logger;
    this.#secrets = secrets.filter((secret) => secret !== "");
  }

  /** Its last errors, latest last. */
  get complaints(): readonly string[] {
    return this.#complaints;
  }

  /** While it starts and stops it says twenty lines that are of interest only when something is wrong: they show at `debug`. */
  chatty(isChatty: boolean): void {
    this.#isChatty = isChatty;
  }

  take(chunk: string): void {
    const lines = (this.#partial + chunk).split("\n");
    this.#partial = lines.pop()!.slice(0, mostCharacters);
    for (const line of lines) this.#line(line);
  }

  /** There is nothing more to come. */
  end(): void {
    if (this.#partial !== "") this.#line(this.#partial);
    this.#partial = "";
  }

  #line(printed: string): void {
    const [, tag = "", text = printed] = /^\[\d+\] (?:[\d/]+ [\d:.]+ )?\[([A-Z]{3})\] (.*)$/su.exec(printed) ?? [];
    const line = this.#secrets
      .reduce((masked, secret) => masked.replaceAll(secret, "[password]"), text)
      .slice(0, mostCharacters)
      .trimEnd();
    if (line === "") return;
    // What has no level is a wrong configuration, or the last words of a server that breaks.
    const level = levels.get(tag) ?? "error";
    if (level === "error") {
      this.#complaints.push(line);
      if (this.#complaints.length > mostRemembered) this.#complaints.shift();
    }
    this.#tell(level === "info" && this.#isChatty ? "debug" : level, line);
  }

  #tell(level: Level, line: string): void {
    switch (level) {
      case "debug":
        return this.#logger.debug("The embedded NATS server says", { line });
      case "info":
        return this.#logger.info("The embedded NATS server says", { line });
      case "warn":
        return this.#logger.warn("The embedded NATS server warns", { line });
      case "error":
        return this.#logger.error("The embedded NATS server complains", { line });
    }
  }
}
