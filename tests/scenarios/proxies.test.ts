import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CableClient } from "../support/cable-client.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free-port.ts";
import { startHaproxy, type Haproxy } from "../support/haproxy.ts";
import { httpsRequest } from "../support/https-request.ts";
import { channel, hears, RpcStage } from "../support/rpc-stage.ts";
import { firstText, askUpgrade } from "../support/upgrade-request.ts";

const fixture = (name: string): string => readFileSync(new URL(`../fixtures/certs/${name}`, import.meta.url), "utf8");
/** What HAProxy's clients check, and ask for: the address that they use is not in the certificate. */
const tls = { ca: fixture("tls-first.pem"), servername: "cable.test" };
const PUBLIC_HOST = "cable.test";

/** HAProxy in front: TLS and the public name end there. It cuts what is silent for 3 s, and Ropeway pings every second. */
const configuration = (port: number, certificate: string, backend: number): string => `
defaults
  mode http
  timeout connect 2s
  timeout client 30s
  timeout server 30s
  timeout tunnel 3s
frontend public
  bind 127.0.0.1:${port} ssl crt ${certificate}
  bind [::1]:${port} ssl crt ${certificate}
  option forwardfor
  http-request set-header X-Forwarded-Proto https
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header Host ropeway.internal
  default_backend ropeway
backend ropeway
  option httpchk GET /ready
  server one 127.0.0.1:${backend} check inter 500
`;

describe("behind HAProxy", () => {
  let stage: RpcStage;
  let haproxy: Haproxy;
  let port: number;
  let folder: string;

  beforeAll(async () => {
    stage = await RpcStage.start(["--trusted_proxies=127.0.0.1", "--ping_interval=1", "--enable_ws_compression"]);
    folder = mkdtempSync(join(tmpdir(), "ropeway-proxies-"));
    const certificate = join(folder, "both.pem");
    writeFileSync(certificate, fixture("tls-first.pem") + fixture("tls-first.key"));
    port = await freePort();
    haproxy = await startHaproxy(configuration(port, certificate, stage.ropeway.port), port);
  });

  afterAll(async () => {
    await haproxy.stop();
    await stage.stop();
    rmSync(folder, { recursive: true });
  });

  /** Through HAProxy, to one of its two addresses. */
  const connect = (host: "127.0.0.1" | "[::1]", path = "/cable", headers: Record<string, string> = {}): Promise<CableClient> =>
    CableClient.connect(`wss://${host}:${port}${path}`, {
      ...tls,
      headers: { host: PUBLIC_HOST, ...headers },
      protocols: ["actioncable-v1-json"],
    });

  /** What the application was told about the client that connected last. */
  function seen(): { readonly url: string; readonly remoteAddress: string | undefined } {
    const { url, headers } = stage.connects.at(-1)!.request.env!;
    return { url, remoteAddress: headers.get("REMOTE_ADDR") };
  }

  it("clients and publications come through, compressed too", async () => {
    const identifier = channel("ChatChannel", { room: "proxied" });
    const clients = await Promise.all([connect("127.0.0.1"), connect("[::1]")]);
    for (const client of clients) {
      expect(client.socket.extensions).toBe("permessage-deflate");
      expect(await client.subscribe(identifier)).toEqual(hears.confirm(identifier));
    }
    const message = { text: "hello ".repeat(1_000) };
    const answer = await httpsRequest(`https://127.0.0.1:${port}/_broadcast`, {
      ...tls,
      method: "POST",
      headers: { authorization: "Bearer test-broadcast-key" },
      body: JSON.stringify({ stream: identifier, data: JSON.stringify(message) }),
    });
    expect(answer.status).toBe(201);
    for (const client of clients) {
      expect(await client.next()).toEqual({ identifier, message });
      await client.close();
    }
  });

  it("the application sees the client's address and the URL that the client used", async () => {
    const client = await connect("[::1]", "/cable?a=1&b=%20x");
    expect(seen()).toEqual({ url: "https://cable.test/cable?a=1&b=%20x", remoteAddress: "::1" });
    await client.close();
  });

  it("and nothing that a client only claims", async () => {
    const lies = { "x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "http", "x-forwarded-host": "evil.test" };
    const client = await connect("[::1]", "/cable", lies);
    expect(seen()).toEqual({ url: "https://cable.test/cable", remoteAddress: "::1" });
    await client.close();
  });

  it("nor what somebody says who is no proxy of ours", async () => {
    const lies = { "x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https", "x-forwarded-host": "evil.test" };
    // Ropeway listens on both addresses of localhost, and trusts one.
    const { socket } = await askUpgrade(`ws://[::1]:${stage.ropeway.port}/cable`, { ...lies, host: "direct.test" });
    expect(JSON.parse(await firstText(socket))).toMatchObject({ type: "welcome" });
    expect(seen()).toEqual({ url: "http://direct.test/cable", remoteAddress: "::1" });
    socket.destroy();
  });

  it("pings keep a connection open that HAProxy would cut for its silence", async () => {
    const kept = await connect("127.0.0.1");
    const silent = await connect("127.0.0.1", "/cable?pi=0");
    let isKeptOpen = true;
    void kept.ended.then(() => (isKeptOpen = false));
    expect(await silent.ended).toMatchObject({ code: 1006 });
    await kept.nextPing();
    const identifier = channel("ChatChannel", { room: "kept" });
    expect(await kept.subscribe(identifier)).toEqual(hears.confirm(identifier));
    expect(isKeptOpen).toBe(true);
    await kept.close();
    await eventually(() => stage.ropeway.metric("anycable_go_clients_num")).toBe(0);
  });
});
