import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CableClient, publicStream } from "../support/cable-client.ts";
import { freePort } from "../support/free-port.ts";
import { httpsRequest } from "../support/https-request.ts";
import { startRopeway, standalone, type Ropeway } from "../support/ropeway.ts";
import { channel, hears, RpcStage } from "../support/rpc-stage.ts";
import { inFolder, runRopeway } from "../support/run-command.ts";

const fixturePath = (name: string): string => fileURLToPath(new URL(`../fixtures/certs/${name}`, import.meta.url));
const certificateOf = (name: string): string => readFileSync(fixturePath(`tls-${name}.pem`), "utf8");
const ca = [certificateOf("first"), certificateOf("second")];
const fingerprintOf = (name: string): string => new X509Certificate(certificateOf(name)).fingerprint256;

/** A folder with a certificate and its key that can be replaced by another pair. */
class Pair {
  readonly #folder = mkdtempSync(join(tmpdir(), "ropeway-tls-"));
  readonly certPath: string = join(this.#folder, "cert.pem");
  readonly keyPath: string = join(this.#folder, "key.pem");

  constructor() {
    this.replaceBy("first");
  }

  replaceBy(name: string): void {
    copyFileSync(fixturePath(`tls-${name}.pem`), this.certPath);
    copyFileSync(fixturePath(`tls-${name}.key`), this.keyPath);
  }

  get flags(): readonly string[] {
    return [`--ssl_cert=${this.certPath}`, `--ssl_key=${this.keyPath}`];
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true });
  }
}

describe("with a certificate", () => {
  const pair = new Pair();
  const ports = { broadcasts: 0, metrics: 0 };
  let ropeway: Ropeway;

  beforeAll(async () => {
    ports.broadcasts = await freePort();
    ports.metrics = await freePort();
    const own = [`--http_broadcast_port=${ports.broadcasts}`, `--metrics_port=${ports.metrics}`];
    ropeway = await startRopeway([...standalone, ...pair.flags, ...own]);
  });

  afterAll(async () => {
    await ropeway.stop();
    pair.remove();
  });

  const connect = (): Promise<CableClient> => CableClient.connect(`wss://127.0.0.1:${ropeway.port}/cable`, { ca });

  const post = (body: unknown): Promise<{ readonly status: number }> =>
    httpsRequest(`https://127.0.0.1:${ports.broadcasts}/_broadcast`, {
      ca,
      method: "POST",
      headers: { authorization: "Bearer test-broadcast-key" },
      body: JSON.stringify(body),
    });
  const publish = (stream: string, data: unknown): Promise<{ readonly status: number }> => post({ stream, data: JSON.stringify(data) });

  it("says where to connect", () => {
    expect(ropeway.log.map(({ msg }) => msg)).toContain(`Handle WebSocket connections at https://localhost:${ropeway.port}/cable`);
  });

  it("serves clients, publications, metrics and health checks over TLS", async () => {
    const client = await connect();
    const identifier = publicStream("secure");
    await client.subscribe(identifier);
    expect(await publish("secure", { n: 1 })).toMatchObject({ status: 201 });
    expect(await client.next()).toEqual({ identifier, message: { n: 1 } });
    await client.close();
    expect(await httpsRequest(`https://127.0.0.1:${ropeway.port}/health`, { ca })).toMatchObject({ status: 200 });
    const metrics = await httpsRequest(`https://127.0.0.1:${ports.metrics}/metrics`, { ca });
    expect(metrics.text).toMatch(/^anycable_go_server_msg_total(?:\{\})? \d/m);
  });

  it("calls nobody slow because much came at once", async () => {
    const client = await connect();
    await client.subscribe(publicStream("burst"));
    // Several times ws_max_pending_size, in one turn of the event loop.
    const texts = Array.from({ length: 50 }, (_, at) => `${at} ${"x".repeat(100_000)}`);
    for (let round = 0; round < 3; round++) {
      expect(await post(texts.map((text) => ({ stream: "burst", data: JSON.stringify(text) })))).toMatchObject({ status: 201 });
      expect((await client.sync()).map(({ message }) => message)).toEqual(texts);
    }
    await client.close();
  });

  it("serves nobody in plain text, on any port", async () => {
    await expect(CableClient.connect(ropeway.cable)).rejects.toThrow(/closed with 1006/);
    for (const port of [ropeway.port, ports.broadcasts, ports.metrics]) await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
  });

  it("uses a new one as soon as the files change, while clients connected before hear every message", async () => {
    const identifier = publicStream("busy");
    const clients = await Promise.all(Array.from({ length: 20 }, connect));
    for (const client of clients) await client.subscribe(identifier);
    let published = 0;
    let isOver = false;
    const load = (async () => {
      while (!isOver) expect(await publish("busy", ++published)).toMatchObject({ status: 201 });
    })();
    let newcomers = 0;
    const untilPresented = async (name: string): Promise<void> => {
      const wanted = fingerprintOf(name);
      for (;;) {
        const socket = connectTls({ host: "127.0.0.1", port: ropeway.port, ca });
        // Rejects when the handshake fails: no newcomer may.
        await once(socket, "secureConnect");
        const presented = socket.getPeerX509Certificate()?.fingerprint256;
        socket.destroy();
        newcomers++;
        if (presented === wanted) return;
      }
    };

    await untilPresented("first");
    pair.replaceBy("second");
    await untilPresented("second");
    const { sha256 } = await ropeway.logged("TLS certificate replaced: new connections get the new one");
    expect(sha256).toBe(fingerprintOf("second"));
    const late = await connect();
    isOver = true;
    await load;

    expect(newcomers).toBeGreaterThan(2);
    for (const client of clients) {
      expect((await client.sync()).map(({ message }) => message)).toEqual(Array.from({ length: published }, (_, at) => at + 1));
      await client.close();
    }
    await late.close();
    expect(ropeway.log.filter(({ level }) => level === "WARN" || level === "ERROR")).toEqual([]);
  });
});

describe("the application", () => {
  it("is told that the client came over TLS", async () => {
    const pair = new Pair();
    const stage = await RpcStage.start(pair.flags);
    const client = await CableClient.connect(`wss://127.0.0.1:${stage.ropeway.port}/cable?a=1`, { ca });
    expect(stage.connects.at(-1)!.request.env!.url).toBe(`https://127.0.0.1:${stage.ropeway.port}/cable?a=1`);
    const identifier = channel("ChatChannel");
    expect(await client.subscribe(identifier)).toEqual(hears.confirm(identifier));
    await client.close();
    await stage.stop();
    pair.remove();
  });
});

describe("what is wrong with the files stops the start, in a sentence:", () => {
  const [cert, key] = [fixturePath("tls-first.pem"), fixturePath("tls-first.key")];
  it.each([
    ["no key", [`--ssl_cert=${cert}`], /^ropeway: --ssl_cert is set without ssl_key: TLS needs both \(config\.invalid_value\)$/m],
    ["no certificate", [`--ssl_key=${key}`], /^ropeway: --ssl_key is set without ssl_cert: TLS needs both \(config\.invalid_value\)$/m],
    [
      "a file that is not there",
      [`--ssl_cert=${cert}`, "--ssl_key=/no/such.pem"],
      /^ropeway: ssl_key: ENOENT.*\/no\/such\.pem.*\(config\.unreadable_file\)$/m,
    ],
    [
      "another certificate's key",
      [`--ssl_cert=${cert}`, `--ssl_key=${fixturePath("tls-second.key")}`],
      /^ropeway: ssl_cert \(.*\) and ssl_key \(.*\) don't fit together: .*\(config\.invalid_value\)$/m,
    ],
  ])("%s", async (_what, flags, sentence) => {
    const { code, stderr } = await inFolder((cwd) => runRopeway([...standalone, "--port=0", ...flags], { cwd }));
    expect(stderr).toMatch(sentence);
    expect(code).toBe(1);
  });
});
