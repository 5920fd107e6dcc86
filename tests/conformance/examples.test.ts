import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { checkConfig } from "../../src/config/check.ts";
import { load } from "../fixtures/config/load.ts";
import { CableClient } from "../support/cable-client.ts";
import { composeServices, example, manifests, variablesIn, variablesOf, type PodSpec, type Variables } from "../support/example-files.ts";
import { freePort } from "../support/free-port.ts";
import { repositoryRoot } from "../support/repository.ts";
import { Ropeway } from "../support/ropeway.ts";

const examples = join(repositoryRoot, "examples");
const read = (path: string): string => readFileSync(join(repositoryRoot, path), "utf8");

/** For the reader to replace. */
const placeholder = "change-me";

/** What `ropeway config check` says against it. */
function faultsIn(env: Variables): unknown[] {
  const { report } = checkConfig({ argv: [], env, cwd: "/", readFile: () => undefined, findProgram: (name) => `/usr/bin/${name}` });
  const isPlaceholder = ({ option }: { readonly option: string }): boolean => option === "secret" && env["ANYCABLE_SECRET"] === placeholder;
  return [
    ...report.problems,
    ...report.unsafe.filter((danger) => !isPlaceholder(danger)),
    ...report.deprecated,
    ...report.warnings,
    ...report.idle,
  ];
}

describe("the examples", () => {
  it.each(["rails/ropeway.env", "systemd/ropeway.env"])("have variables with which nothing is wrong: %s", (path) => {
    const env = variablesIn(example(path));
    expect(Object.keys(env).length).toBeGreaterThan(3);
    expect(faultsIn(env)).toEqual([]);
  });

  it("have variables that load for Laravel, whose tokens are not enforced", () => {
    expect(load({ env: variablesIn(example("laravel/ropeway.env")) }).warnings).toEqual([]);
  });

  it("have command lines that load", () => {
    const pages = readdirSync(examples)
      .map((folder) => `examples/${folder}/README.md`)
      .filter((page) => existsSync(join(repositoryRoot, page)));
    const commands = [...pages, "examples/rails/Procfile", "README.md"].flatMap((page) => [
      ...read(page).matchAll(/npx ropeway((?: --\S+)+)/g),
    ]);
    expect(commands.length).toBeGreaterThan(2);
    for (const [, flags] of commands) expect(load({ argv: flags!.trim().split(" ") })).toMatchObject({ command: "serve" });
  });

  it("have a Dockerfile that copies what is there and runs what is built", () => {
    const dockerfile = read("Dockerfile");
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, paths]) => paths!.split(" "));
    expect(copied).toContain("package-lock.json");
    expect(copied.filter((path) => !existsSync(join(repositoryRoot, path)))).toEqual([]);
    expect(dockerfile).toMatch(/^USER node$/m);
    const [, ...command] = JSON.parse(/^ENTRYPOINT (.+)$/m.exec(dockerfile)![1]!) as string[];
    expect(command).toEqual(["dist/cli/main.js"]);
  });

  it("have a serverless application that works", async () => {
    const [port, cablePort] = [await freePort(), await freePort()];
    const secret = "example-secret";
    // Its library needs a bundler, as the platforms have that it is made for: here that is vitest.
    Object.assign(process.env, { PORT: String(port), ANYCABLE_SECRET: secret, CABLE_URL: `http://127.0.0.1:${cablePort}` });
    await import(join(examples, "serverless-js/main.mjs"));
    const ropeway = new Ropeway([
      `--port=${cablePort}`,
      `--rpc_host=http://127.0.0.1:${port}/api/anycable`,
      `--secret=${secret}`,
      "--broadcast_adapter=http",
      "--log_format=json",
    ]);
    onTestFinished(async () => void (await ropeway.stop()));
    await ropeway.logged(/^Handle WebSocket connections at/);
    const client = await CableClient.connect(`${ropeway.cable}?name=ann`);
    const identifier = JSON.stringify({ channel: "ChatChannel", room: "1" });
    expect(await client.subscribe(identifier)).toEqual({ type: "confirm_subscription", identifier });
    client.say({ command: "message", identifier, data: JSON.stringify({ action: "speak", text: "hello" }) });
    expect(await client.next()).toEqual({ identifier, message: { name: "ann", text: "hello" } });
  });
});

describe("the example for systemd", () => {
  it("gives the process time to say goodbye", () => {
    const [, seconds] = /^TimeoutStopSec=(\d+)$/m.exec(example("systemd/ropeway.service"))!;
    expect(Number(seconds)).toBeGreaterThan(stopSeconds(variablesIn(example("systemd/ropeway.env"))));
  });
});

describe("the page about deploying", () => {
  const platforms: Readonly<Record<string, Variables>> = {
    "": {},
    fly: {
      FLY_APP_NAME: "my-cable",
      FLY_REGION: "lhr",
      FLY_ALLOC_ID: "9185957f411683",
      FLY_PRIVATE_IP: "fdaa:0:18:a7b:b6c:0:a:2",
      PORT: "8080",
    },
    heroku: { DYNO: "web.1", PORT: "38211" },
  };
  const blocks = [...read("docs/guides/deploy.md").matchAll(/^ *```env *(\w*)\n(.*?)^ *```/gms)].map(([, platform, text]) => {
    const own = variablesIn(text!.replaceAll(/^ +/gm, ""));
    return { platform: platform!, own, env: { ...platforms[platform!], ...own } };
  });

  it("has variables for every platform", () => {
    expect(blocks.map(({ platform }) => platform)).toEqual(["", "", "", "fly", "fly", "fly", "heroku"]);
  });

  it.each(blocks)("has variables with which nothing is wrong: $platform $own", ({ platform, env }) => {
    // Its Redis has a certificate that can't be verified.
    const known = platform === "heroku" ? [expect.objectContaining({ option: "redis_tls_verify" })] : [];
    expect(faultsIn(env)).toEqual(known);
  });

  it("says rightly what they come to", () => {
    const parts = blocks.map(({ env }) => {
      const { broadcast, broker, pubsub, embeddedNats } = load({ env }).config;
      return [broadcast.adapters.join(), broker.adapter, pubsub.adapter, ...(embeddedNats ? ["embedded"] : [])].join(" ");
    });
    expect(parts).toEqual([
      "http memory local",
      "redisx,http redis redis",
      "http nats nats",
      "redisx,http redis redis",
      "http,nats none nats embedded",
      "http nats nats embedded",
      "redisx,http redis redis",
    ]);
    // Heroku kills after 30 s.
    expect(stopSeconds(blocks.at(-1)!.env)).toBeLessThan(30);
  });
});

/** Seconds that a stop takes at most. */
function stopSeconds(env: Variables): number {
  const { shutdownDelayMs, shutdownTimeoutMs } = load({ env }).config.server;
  return (shutdownDelayMs + shutdownTimeoutMs) / 1_000;
}

/** What several nodes need so that a client may come to any of them. */
const joined = {
  broker: { adapter: "redis" },
  pubsub: { adapter: "redis" },
  broadcast: { adapters: expect.arrayContaining(["redisx"]) as unknown },
};

describe("the example for Docker", () => {
  const services = composeServices();
  const env: Variables = { ROPEWAY_HOST: "0.0.0.0", ...services["ropeway"]!.environment };

  it("has variables with which nothing is wrong, for nodes that Redis joins", () => {
    expect(faultsIn(env)).toEqual([]);
    expect(load({ env }).config).toMatchObject({ ...joined, redis: { url: "redis://redis:6379" }, rpc: { host: "dns:///rpc:50051" } });
    expect(services["ropeway"]!.deploy!.replicas).toBe(2);
  });

  it("gives nodes time to say goodbye, and keeps its ports to itself", () => {
    expect(parseInt(services["ropeway"]!.stop_grace_period!)).toBeGreaterThan(stopSeconds(env));
    expect(
      Object.entries(services)
        .filter(([, { ports = [] }]) => ports.length > 0)
        .map(([name]) => name),
    ).toEqual(["proxy"]);
  });

  it("lets the application publish where nodes read", () => {
    const { environment } = services["rpc"]!;
    expect(environment!["REDIS_URL"]).toBe(env["REDIS_URL"]);
    expect(env["ANYCABLE_BROADCAST_ADAPTER"]!.split(",")).toContain(environment!["ANYCABLE_BROADCAST_ADAPTER"]);
  });
});

describe("the example for Kubernetes", () => {
  const objects = manifests("ropeway.yaml");
  const deployment = objects.find(({ kind }) => kind === "Deployment")!;
  const pod = (deployment.spec["template"] as { readonly spec: PodSpec }).spec;
  const container = pod.containers[0]!;
  const env = variablesOf(pod, {
    ANYCABLE_NODE_ID: "ropeway-6d4cf56db6-x2x5v",
    REDIS_URL: "redis://redis:6379",
    ANYCABLE_SECRET: "8f3c1d2e4b5a69788796a5b4c3d2e1f0",
  });

  it("has variables with which nothing is wrong, for nodes that Redis joins", () => {
    expect(faultsIn(env)).toEqual([]);
    const { config } = load({ env });
    expect(config).toMatchObject(joined);
    expect(deployment.spec["replicas"]).toBeGreaterThanOrEqual(2);
    const ports = Object.fromEntries(container.ports.map(({ name, containerPort }) => [name, containerPort]));
    expect(ports).toEqual({ cable: config.server.port, metrics: 9090 });
    expect(config.metrics.listen).toEqual({ host: "0.0.0.0", port: 9090 });
  });

  it("asks for what is served, and gives pods time to say goodbye", () => {
    const { server } = load({ env }).config;
    expect(container.livenessProbe!.httpGet).toEqual({ path: server.healthPath, port: "cable" });
    expect(container.readinessProbe!.httpGet).toEqual({ path: server.readinessPath, port: "cable" });
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(stopSeconds(env));
  });

  it("is not disturbed by the variables that Kubernetes sets for a Service", () => {
    const service = objects.find(({ kind }) => kind === "Service")!;
    const links = { [`${service.metadata.name.toUpperCase()}_PORT`]: "tcp://10.96.0.12:80" };
    expect(() => load({ env: { ...env, ...links } })).toThrow("ROPEWAY_PORT");
    expect(pod.enableServiceLinks).toBe(false);
  });

  it("needs no sticky sessions, and none are asked for", () => {
    const service = objects.find(({ kind }) => kind === "Service")!;
    expect(service.spec["sessionAffinity"]).toBe("None");
  });

  it("has a Redis that its clients find by the name that the page says", () => {
    const names = manifests("redis.yaml").map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(names).toEqual(["StatefulSet redis", "Service redis"]);
    expect(example("kubernetes/README.md")).toContain("--from-literal=redis-url=redis://redis:6379");
  });
});
