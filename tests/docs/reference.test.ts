// The pages of docs/reference say what the code says. `npm run docs` writes them.

import { describe, expect, it } from "vitest";
import { renderCloseCodes } from "../../scripts/reference/close-codes.ts";
import { renderGrafanaDashboard } from "../../scripts/reference/grafana.ts";
import { renderErrors } from "../../scripts/reference/errors.ts";
import { fieldsIn, logFields } from "../../scripts/reference/log-fields.ts";
import { messagesIn, renderLogs } from "../../scripts/reference/logs.ts";
import { renderMetrics } from "../../scripts/reference/metrics.ts";
import { renderOpenApi } from "../../scripts/reference/openapi.ts";
import { renderOptions } from "../../scripts/reference/options.ts";
import { filesUnder } from "../support/repository.ts";

describe("docs/reference", () => {
  it.each([
    ["options", renderOptions],
    ["metrics", renderMetrics],
    ["errors", renderErrors],
    ["close-codes", renderCloseCodes],
    ["logs", () => renderLogs(sources())],
  ])("%s.md is what the code says", async (name, render) => {
    await expect(render()).toMatchFileSnapshot(`../../docs/reference/${name}.md`);
  });
});

it("docs/reference/openapi.json is what its source says", async () => {
  await expect(renderOpenApi()).toMatchFileSnapshot("../../docs/reference/openapi.json");
});

it("docs/grafana/ropeway.json is what its source says", async () => {
  await expect(renderGrafanaDashboard()).toMatchFileSnapshot("../../docs/grafana/ropeway.json");
});

function sources(): ReadonlyMap<string, string> {
  return new Map([...filesUnder("src", ".ts")].map(([path, text]) => [path.replace("src/", ""), text]));
}

describe("the list of log fields", () => {
  const all = [...sources().values()];

  it("has every field, and no other", () => {
    const used = new Set(all.flatMap(fieldsIn));
    expect([...used].filter((name) => !(name in logFields)).toSorted()).toEqual([]);
    expect(Object.keys(logFields).filter((name) => !all.some((source) => new RegExp(`\\b${name}\\b`).test(source)))).toEqual([]);
  });

  it("finds fields in every form of call", () => {
    const source = `
      logger.info("plain", { one: 1, two, "not this": 3 });
      this.#logger.warn(what ? "a, b" : \`c\${d({ x: 1 }, 2)}\`, { three: { inner: 1 }, four: f(g, { h: 1 }), ...(is && { five: 5 }) });
      logger.debug("text",
        { six: [1, 2], ...rest },
      );
      const fields = { seven: 7, code: error instanceof CableError ? error.code : undefined };
      logger.error("text", fields);
      logger.info("nothing");
      other("text", { eight: 8 });`;
    expect(fieldsIn(source)).toEqual(["code", "five", "four", "one", "seven", "six", "three", "two"]);
  });
});

describe("the list of log messages", () => {
  it("finds messages in every form of call", () => {
    const source = `
      logger.info("plain");
      this.#logger.warn(what === "else" ? "is back" : "is there", { a: "not this" });
      context.logger.error(\`at \${address(a, { b: 1 })}:\${port}\`, fields);
      logger.info(
        "with, comma (and brackets)",
      );
      logger.debug("not for the list");
      logger.warn(note);
      console.error("not a logger");`;
    expect(messagesIn("rpc/grpc.ts", source)).toEqual([
      { level: "info", text: "plain", part: "rpc" },
      { level: "warn", text: "is back", part: "rpc" },
      { level: "warn", text: "is there", part: "rpc" },
      { level: "error", text: "at …:…", part: "rpc" },
      { level: "info", text: "with, comma (and brackets)", part: "rpc" },
    ]);
  });
});
