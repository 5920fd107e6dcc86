// ARCHITECTURE.md draws who may import whom; the linter enforces it. This shows that its rules catch what they are there for.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = new URL("../../", import.meta.url);

const forbidden: readonly (readonly [importer: string, imported: string])[] = [
  ["src/protocols/new.ts", "../transports/transport.ts"],
  ["src/protocols/new.ts", "node:fs"],
  ["src/protocols/new.ts", "ws"],
  ["src/session/new.ts", "../hub/hub.ts"],
  ["src/session/new.ts", "../protocols/actioncable-v1-json.ts"],
  ["src/session/new.ts", "../transports/websocket.ts"],
  ["src/session/new.ts", "../rpc/controller.ts"],
  ["src/hub/new.ts", "../pubsub/pubsub.ts"],
  ["src/commands/new.ts", "../rpc/grpc.ts"],
  ["src/publications/new.ts", "../broadcasters/http.ts"],
  ["src/transports/new.ts", "./websocket.ts"],
  ["src/transports/new.ts", "../session/session.ts"],
  ["src/rpc/new.ts", "./grpc.ts"],
  ["src/rpc/new.ts", "./http.ts"],
  ["src/rpc/new.ts", "ws"],
  ["src/broadcasters/new.ts", "./redis-pubsub.ts"],
  ["src/broadcasters/new.ts", "../publications/publish.ts"],
  ["src/broadcasters/new.ts", "@grpc/grpc-js"],
  ["src/broadcasters/new.ts", "@redis/client"],
  ["src/broadcasters/new.ts", "../redis/sentinels.ts"],
  ["src/api/new.ts", "../broadcasters/http.ts"],
  ["src/api/new.ts", "../broker/memory/memory.ts"],
  ["src/api/new.ts", "../hub/hub.ts"],
  ["src/broker/redis/new.ts", "../memory/history.ts"],
  ["src/broker/redis/new.ts", "@redis/client"],
  ["src/broker/redis/new.ts", "../../redis/cluster-nodes.ts"],
  ["src/broker/redis/new.ts", "../../hub/hub.ts"],
  ["src/redis/new.ts", "../broadcasters/broadcaster.ts"],
  ["src/redis/new.ts", "../metrics/metrics.ts"],
  ["src/nats/embedded/new.ts", "../../pubsub/nats.ts"],
  ["src/nats/embedded/new.ts", "../../config/config.ts"],
  ["src/nats/new.ts", "../broadcasters/broadcaster.ts"],
  ["src/nats/new.ts", "../metrics/metrics.ts"],
  ["src/nats/new.ts", "@nats-io/jetstream"],
  ["src/pubsub/new.ts", "@nats-io/transport-node"],
  ["src/pubsub/new.ts", "../nats/client.ts"],
  ["src/pubsub/new.ts", "./nats.ts"],
  ["src/broadcasters/new.ts", "@nats-io/transport-node"],
  ["src/broadcasters/new.ts", "./nats.ts"],
  ["src/broker/nats/new.ts", "@nats-io/transport-node"],
  ["src/pubsub/new.ts", "../hub/hub.ts"],
  ["src/pubsub/new.ts", "../nats/embedded/embedded-nats.ts"],
  ["src/pubsub/new.ts", "./redis.ts"],
  ["src/pubsub/new.ts", "@redis/client"],
  ["src/auth/new.ts", "../rpc/controller.ts"],
  ["src/auth/new.ts", "./jwt.ts"],
  ["src/commands/new.ts", "../auth/jwt.ts"],
  ["src/commands/new.ts", "jose"],
  ["src/http/new.ts", "../transports/transport.ts"],
  ["src/metrics/new.ts", "../hub/hub.ts"],
  ["src/metrics/new.ts", "@opentelemetry/api"],
  ["src/tracing/new.ts", "../hub/hub.ts"],
  ["src/tracing/new.ts", "../rpc/grpc.ts"],
  ["src/commands/new.ts", "../tracing/open-telemetry.ts"],
  ["src/logging/new.ts", "../metrics/metrics.ts"],
  ["src/config/new.ts", "../rpc/grpc.ts"],
  ["src/config/new.ts", "../redis/open.ts"],
  ["src/config/schema/new.ts", "../../transports/websocket.ts"],
  ["src/internal/new.ts", "../session/session.ts"],
  ["src/errors.ts", "./session/session.ts"],
  ["src/clock.ts", "./server.ts"],
  ["src/server.ts", "./transports/websocket.ts"],
  ["src/server.ts", "./rpc/grpc.ts"],
  ["src/server.ts", "./rpc/http.ts"],
  ["src/server.ts", "./tracing/open-telemetry.ts"],
  ["src/server.ts", "./broadcasters/redis-pubsub.ts"],
  ["src/server.ts", "./api/rest-api.ts"],
  ["src/server.ts", "./cli/assemble.ts"],
  ["src/server.ts", "@grpc/grpc-js"],
];

const allowed: readonly (readonly [importer: string, imported: string])[] = [
  ["src/protocols/other.ts", "../errors.ts"],
  ["src/session/other.ts", "../transports/transport.ts"],
  ["src/session/other.ts", "../internal/backoff.ts"],
  ["src/commands/other.ts", "../rpc/controller.ts"],
  ["src/transports/other.ts", "node:net"],
  ["src/transports/websocket.ts", "ws"],
  ["src/auth/jwt.ts", "jose"],
  ["src/rpc/grpc.ts", "@grpc/grpc-js"],
  ["src/tracing/other.ts", "@opentelemetry/sdk-trace"],
  ["src/tracing/other.ts", "../rpc/controller.ts"],
  ["src/server.ts", "./tracing/tracing.ts"],
  ["src/broadcasters/other.ts", "../http/bearer.ts"],
  ["src/broadcasters/other.ts", "../redis/open.ts"],
  ["src/pubsub/redis.ts", "./redis-subscriptions.ts"],
  ["src/api/other.ts", "../broker/broker.ts"],
  ["src/api/other.ts", "../broadcasters/publication-endpoint.ts"],
  ["src/broker/redis/other.ts", "../../redis/store.ts"],
  ["src/redis/other.ts", "@redis/client"],
  ["src/nats/embedded/other.ts", "@nats-io/transport-node"],
  ["src/nats/embedded/other.ts", "../../lifecycle.ts"],
  ["src/nats/other.ts", "@nats-io/transport-node"],
  ["src/nats/other.ts", "../internal/backoff.ts"],
  ["src/pubsub/other.ts", "../nats/open.ts"],
  ["src/broker/nats/other.ts", "@nats-io/jetstream"],
  ["src/broker/nats/other.ts", "../../nats/open.ts"],
  ["src/config/other.ts", "../redis/address.ts"],
  ["src/config/other.ts", "../nats/address.ts"],
  ["src/config/schema/other.ts", "../option.ts"],
  ["src/server.ts", "./broadcasters/broadcaster.ts"],
  ["src/cli/assemble.ts", "../transports/websocket.ts"],
  ["src/cli/assemble.ts", "../rpc/grpc.ts"],
];

interface Report {
  readonly diagnostics: readonly { readonly code: string; readonly message: string; readonly filename: string }[];
}

describe("the linter", () => {
  let folder: string;
  /** `importer imported` of every import that it refuses. */
  let refused: readonly string[];

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "ropeway-walls-"));
    const config = JSON.parse(readFileSync(new URL(".oxlintrc.json", root), "utf8")) as Record<string, unknown>;
    delete config["$schema"];
    writeFileSync(join(folder, ".oxlintrc.json"), JSON.stringify({ ...config, options: {} }));
    const pairs = [...forbidden, ...allowed];
    for (const importer of new Set(pairs.map(([name]) => name))) {
      mkdirSync(join(folder, dirname(importer)), { recursive: true });
      const imports = pairs.filter(([name]) => name === importer);
      const lines = imports.map(
        ([, imported], index) => `import type { X as X${index} } from "${imported}";\nexport type Y${index} = X${index};`,
      );
      writeFileSync(join(folder, importer), lines.join("\n"));
    }
    refused = lint(folder)
      .diagnostics.filter(({ code }) => code.includes("no-restricted-imports"))
      .map(({ filename, message }) => `${filename.replaceAll("\\", "/")} ${/^'([^']+)'/.exec(message)?.[1]}`);
  });

  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(forbidden)("keeps %s from importing %s", (importer, imported) => expect(refused).toContain(`${importer} ${imported}`));

  it.each(allowed)("lets %s import %s", (importer, imported) => expect(refused).not.toContain(`${importer} ${imported}`));
});

function lint(folder: string): Report {
  const require = createRequire(import.meta.url);
  const oxlint = join(dirname(require.resolve("oxlint/package.json")), "bin/oxlint");
  try {
    execFileSync(process.execPath, [oxlint, "--format=json"], { cwd: folder, encoding: "utf8", stdio: "pipe" });
  } catch (error) {
    // It ends with 1 when it finds something, which it is to do here.
    const { status, stdout } = error as { status: number; stdout: string };
    if (status === 1) return JSON.parse(stdout) as Report;
    throw error;
  }
  throw new Error("the linter found nothing at all");
}
