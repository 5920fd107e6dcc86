import { once } from "node:events";
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect, type AddressInfo, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { httpListener, type HttpListener, type HttpListenerOptions } from "../../../src/http/listener.ts";
import { httpListeners } from "../../../src/http/listeners.ts";
import type { RequestHandler } from "../../../src/http/routes.ts";
import type { TlsCertificate, TlsPair } from "../../../src/http/tls-certificate.ts";
import { silentLogger } from "../../../src/logger.ts";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/free-port.ts";
import { recordedLog } from "../../support/recorded-log.ts";

const cleanups: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const at = { host: "127.0.0.1", port: 0, logger: silentLogger };

async function started(options: Partial<HttpListenerOptions> = {}, hang?: (listener: HttpListener) => void): Promise<HttpListener> {
  const listener = httpListener({ ...at, ...options });
  hang?.(listener);
  await listener.start();
  cleanups.push(() => listener.stop(AbortSignal.abort()));
  return listener;
}

interface Wire {
  readonly socket: Socket;
  /** All that came so far. */
  readonly text: () => string;
  /** Resolves when the other side has closed. */
  readonly closed: Promise<unknown>;
}

function dial({ port }: { readonly port: number }, send = "", host = "127.0.0.1"): Wire {
  const socket = connect(port, host);
  let text = "";
  socket.setEncoding("latin1").on("data", (chunk: string) => (text += chunk));
  socket.on("error", () => {});
  socket.write(send);
  cleanups.push(() => void socket.destroy());
  return { socket, text: () => text, closed: new Promise((resolve) => socket.once("close", resolve)) };
}

const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";

function get(path: string, headers = ""): string {
  return `GET ${path} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`;
}

const hello: RequestHandler = (_, response) => void response.end("hello");

describe("paths", () => {
  it("answers 404 where nothing hangs, to requests and to upgrades", async () => {
    const listener = await started({}, (routes) => routes.request("/here", hello));
    expect((await fetch(`http://127.0.0.1:${listener.port}/there`)).status).toBe(404);
    expect(await (await fetch(`http://127.0.0.1:${listener.port}/here?a=b`)).text()).toBe("hello");
    const refused = dial(listener, get("/there", upgrade));
    await refused.closed;
    expect(refused.text()).toMatch(/^HTTP\/1\.1 404 Not Found\r\nConnection: close\r\n/);
  });

  it.each(["http://x/here?a=b", "HTTPS://elsewhere:8080/here"])("finds the path of the absolute target %s", async (target) => {
    const listener = await started({}, (routes) => {
      routes.request("/here", hello);
      routes.upgrade("/here", (_, socket) => void socket.end("taken"));
    });
    const wire = dial(listener, get(target, "Connection: close\r\n"));
    await wire.closed;
    expect(wire.text()).toContain("hello");
    const upgrading = dial(listener, get(target, upgrade));
    await upgrading.closed;
    expect(upgrading.text()).toBe("taken");
  });

  it("takes new paths while it runs", async () => {
    const listener = await started();
    listener.request("/late", hello);
    expect((await fetch(`http://127.0.0.1:${listener.port}/late`, { method: "PURGE" })).status).toBe(200);
  });

  it.each(["/%zz", "/%", "/%c0%80"])("answers 400 to the target %s", async (target) => {
    const listener = await started({}, (routes) => routes.request("/{any}", hello));
    const wire = dial(listener, get(target, "Connection: close\r\n"));
    await wire.closed;
    expect(wire.text()).toMatch(/^HTTP\/1\.1 400 /);
    const upgrading = dial(listener, get(target, upgrade));
    await upgrading.closed;
    expect(upgrading.text()).toMatch(/^HTTP\/1\.1 400 /);
  });

  it.each(["NONSENSE\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n"])(
    "survives %j",
    async (bytes) => {
      const listener = await started({}, (routes) => routes.request("/", hello));
      const wire = dial(listener, bytes);
      await eventually(() => wire.text()).toMatch(/^HTTP\/1\.1 400 /);
      expect((await fetch(`http://127.0.0.1:${listener.port}/`)).status).toBe(200);
    },
  );

  it("asks for an upgrade where there is nothing else", async () => {
    const listener = await started({}, (routes) => routes.upgrade("/cable", () => {}));
    const response = await fetch(`http://127.0.0.1:${listener.port}/cable`);
    expect(response.status).toBe(426);
    expect(response.headers.get("upgrade")).toBe("websocket");
  });

  it("serves a request whose offer of an upgrade nobody takes, body included, and keeps the connection", async () => {
    const listener = await started({}, (routes) => {
      routes.request("/echo", (request, response) => {
        response.setHeader("seen", `${request.headers.upgrade} ${request.headers.connection} ${String(request.headers["x-a"])}`);
        request.pipe(response);
      });
    });
    const h2c = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\nX-A: \u00fc\r\n";
    const wire = dial(listener);
    // The body's end comes later than its head.
    wire.socket.write(`POST /echo HTTP/1.1\r\nHost: x\r\n${h2c}Content-Length: 9\r\n\r\nbody`, "latin1");
    await once(wire.socket, "connect");
    wire.socket.write("-more" + get("/echo", "Connection: close\r\n"));
    await wire.closed;
    expect(wire.text()).toContain("seen: undefined HTTP2-Settings \u00fc");
    expect(wire.text().match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2);
    expect(wire.text()).toContain("body-more");
  });
});

describe("what stalls is cut", () => {
  const hasty = { headersTimeoutMs: 400, requestTimeoutMs: 800 };

  it.each([
    ["a connection that says nothing", ""],
    ["a request line", "GET /cab"],
    ["headers", "GET /cable HTTP/1.1\r\nHost: x\r\nCookie: "],
    ["an upgrade that is never complete", `GET /cable HTTP/1.1\r\nHost: x\r\n${upgrade}Sec-WebSocket-Key: `],
    ["a body", "POST /cable HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{"],
    ["a chunked body", "POST /cable HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"],
    ["a body behind an offer to upgrade", `POST /cable HTTP/1.1\r\nHost: x\r\n${upgrade}Content-Length: 10\r\n\r\n{`],
  ])("%s", async (_, bytes) => {
    const listener = await started(hasty, (routes) => routes.request("/cable", (request) => void request.resume()));
    await dial(listener, bytes).closed;
  });

  it("and a TLS handshake", async () => {
    const listener = await started({ ...hasty, tls: replaceable("first") });
    await dial(listener).closed;
  });

  it("but not a connection that idles between requests", async () => {
    const listener = await started(hasty, (routes) => routes.request("/", hello));
    const patient = dial(listener, get("/"));
    await eventually(() => patient.text()).toContain("hello");
    // Longer than both limits: the ones that stall are cut, one after another.
    await dial(listener, "GET /").closed;
    await dial(listener, "GET /").closed;
    await dial(listener, "GET /").closed;
    patient.socket.write(get("/", "Connection: close\r\n"));
    await patient.closed;
    expect(patient.text().match(/hello/g)).toHaveLength(2);
  });
});

describe("header limits", () => {
  const flood = (bytes: number): string => `Cookie: ${"x".repeat(bytes)}\r\n`;

  it("answers 431 to a flood, on requests and on upgrades, and takes what ordinary browsers send", async () => {
    const listener = await started({}, (routes) => {
      routes.request("/", hello);
      routes.upgrade("/cable", (_, socket) => void socket.end("taken"));
    });
    for (const bytes of [get("/", flood(70_000)), get("/cable", upgrade + flood(70_000)), get("/", "A: b\r\n".repeat(33_000))]) {
      const wire = dial(listener, bytes);
      await eventually(() => wire.text()).toMatch(/^HTTP\/1\.1 431 /);
    }
    const fine = dial(listener, get("/", flood(30_000)));
    await eventually(() => fine.text()).toContain("hello");
  });

  it("can be set", async () => {
    const listener = await started({ maxHeaderBytes: 1_000 }, (routes) => routes.request("/", hello));
    const wire = dial(listener, get("/", flood(1_000)));
    await eventually(() => wire.text()).toMatch(/^HTTP\/1\.1 431 /);
  });
});

describe("handlers that fail", () => {
  it("cost their client an error and nobody else anything", async () => {
    const log = recordedLog();
    const listener = await started({ logger: log.logger }, (routes) => {
      routes.request("/early", () => {
        throw new Error("boom");
      });
      routes.request("/late", (_, response) => {
        response.write("half an answer");
        throw new Error("boom");
      });
      routes.upgrade("/cable", () => {
        throw new Error("boom");
      });
      routes.request("/", hello);
    });
    expect((await fetch(`http://127.0.0.1:${listener.port}/early?jid=token`)).status).toBe(500);
    await dial(listener, get("/late")).closed;
    await dial(listener, get("/cable", upgrade)).closed;
    expect((await fetch(`http://127.0.0.1:${listener.port}/`)).status).toBe(200);
    expect(log.lines.filter(({ level }) => level === "error").map(({ fields }) => fields)).toEqual([
      { path: "/early", error: "boom" },
      { path: "/late", error: "boom" },
      { path: "/cable", error: "boom" },
    ]);
  });

  it("and so do clients that reset the connection while it is upgraded", async () => {
    let take = (): void => {};
    const taken = new Promise<void>((resolve) => (take = resolve));
    const listener = await started({}, (routes) => {
      routes.request("/", hello);
      // Takes the socket, and does nothing with it yet.
      routes.upgrade("/cable", () => take());
    });
    const rude = dial(listener, get("/cable", upgrade));
    await taken;
    rude.socket.resetAndDestroy();
    await rude.closed;
    expect((await fetch(`http://127.0.0.1:${listener.port}/`)).status).toBe(200);
  });
});

describe("stop", () => {
  it("closes idle connections at once and lets running requests finish", async () => {
    let finish = (): void => {};
    const listener = await started({}, (routes) => {
      routes.request("/", hello);
      routes.request("/slow", (_, response) => (finish = () => void response.end("slow but sure")));
    });
    const idle = dial(listener, get("/"));
    await eventually(() => idle.text()).toContain("hello");
    const running = dial(listener, get("/slow"));
    const before = finish;
    await eventually(() => finish).not.toBe(before);
    const { port } = listener;
    let hasStopped = false;
    const stopped = listener.stop(AbortSignal.timeout(10_000)).then(() => (hasStopped = true));
    await idle.closed;
    const late = connect(port, "127.0.0.1");
    expect(await once(late, "error")).toMatchObject([{ code: "ECONNREFUSED" }]);
    expect(hasStopped).toBe(false);
    finish();
    await stopped;
    await running.closed;
    expect(running.text()).toContain("slow but sure");
  });

  it("meanwhile answers what connections in use still ask, closes them after that, and upgrades nobody", async () => {
    let finish = (): void => {};
    const listener = await started({}, (routes) => {
      routes.request("/", hello);
      routes.request("/slow", (_, response) => (finish = () => void response.end("slow")));
      routes.upgrade("/cable", (_, socket) => void socket.end("taken"));
    });
    const before = finish;
    const using = dial(listener, get("/slow"));
    const upgrading = dial(listener, "GET /cable HTTP/1.1\r\n");
    await once(upgrading.socket, "connect");
    await eventually(() => finish).not.toBe(before);
    const stopped = listener.stop(AbortSignal.timeout(10_000));
    using.socket.write(get("/"));
    upgrading.socket.write(`Host: x\r\n${upgrade}\r\n`);
    await upgrading.closed;
    expect(upgrading.text()).toMatch(/^HTTP\/1\.1 503 /);
    finish();
    await stopped;
    await using.closed;
    expect(using.text()).toMatch(/slow.*Connection: close.*hello/s);
  });

  it("gives up waiting at the deadline", async () => {
    let seen = false;
    const listener = await started({}, (routes) => routes.request("/never", () => (seen = true)));
    const wire = dial(listener, get("/never"));
    await eventually(() => seen).toBe(true);
    await listener.stop(AbortSignal.timeout(50));
    await wire.closed;
  });

  it("does not wait for answers whose clients went away, pipelined ones included", async () => {
    let requests = 0;
    const listener = await started({}, (routes) => routes.request("/never", () => void requests++));
    const wire = dial(listener, get("/never").repeat(3));
    await eventually(() => requests).toBe(3);
    const stopped = listener.stop(AbortSignal.timeout(60_000));
    wire.socket.resetAndDestroy();
    await stopped;
  });

  it("leaves upgraded sockets to those who took them, and does not wait for them", async () => {
    const taken: NodeJS.WritableStream[] = [];
    const listener = await started({}, (routes) => routes.upgrade("/cable", (_, socket) => void taken.push(socket)));
    const wire = dial(listener, get("/cable", upgrade));
    await eventually(() => taken).toHaveLength(1);
    await listener.stop(AbortSignal.timeout(60_000));
    taken[0]!.end("goodbye");
    await eventually(() => wire.text()).toBe("goodbye");
  });

  it("frees the port at once", async () => {
    const first = await started({}, (routes) => routes.request("/", hello));
    const { port } = first;
    const wire = dial(first, get("/"));
    await eventually(() => wire.text()).toContain("hello");
    await first.stop(AbortSignal.timeout(1_000));
    const second = await started({ port }, (routes) => routes.request("/", hello));
    expect((await fetch(`http://127.0.0.1:${second.port}/`)).status).toBe(200);
  });
});

describe("addresses", () => {
  it("says who has the port and which option to change", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    cleanups.push(() => void taken.close());
    const { port } = taken.address() as AddressInfo;
    const listener = httpListener({ ...at, port, optionNames: { host: "host", port: "http_broadcast_port" } });
    await expect(listener.start()).rejects.toMatchObject({
      code: "listener.unavailable",
      message: expect.stringMatching(new RegExp(`127\\.0\\.0\\.1:${port}.*http_broadcast_port`)) as string,
    });
  });

  it("says when the address is not ours", async () => {
    await expect(httpListener({ ...at, host: "192.0.2.1" }).start()).rejects.toMatchObject({
      code: "listener.unavailable",
      message: expect.stringContaining("option host") as string,
    });
  });

  it.each(["", "0.0.0.0"])("listens on every address of both families when the host is %j", async (host) => {
    const listener = await started({ host, port: 0 }, (routes) => routes.request("/", hello));
    for (const address of ["127.0.0.1", "::1"]) {
      const wire = dial(listener, get("/", "Connection: close\r\n"), address);
      await wire.closed;
      expect(wire.text()).toMatch(/hello$/);
    }
  });

  it("listens on both addresses of localhost", async () => {
    const listener = await started({ host: "localhost", port: await freePort() }, (routes) => routes.request("/", hello));
    for (const host of ["127.0.0.1", "::1"]) {
      const wire = dial(listener, get("/", "Connection: close\r\n"), host);
      await wire.closed;
      expect(wire.text()).toContain("hello");
    }
  });

  it("is content with one of them", async () => {
    const other = createServer().listen(0, "::1");
    await once(other, "listening");
    cleanups.push(() => void other.close());
    const listener = await started({ host: "localhost", port: (other.address() as AddressInfo).port }, (routes) =>
      routes.request("/", hello),
    );
    expect((await fetch(`http://127.0.0.1:${listener.port}/`)).status).toBe(200);
  });

  it("is shared by parts that name the same address", async () => {
    const listeners = httpListeners({ logger: silentLogger });
    const one = listeners.at("localhost", 8080);
    expect(listeners.at("LOCALHOST", 8080)).toBe(one);
    const other = listeners.at("localhost", 8090);
    expect(other).not.toBe(one);
    expect(listeners.all()).toEqual([one, other]);
  });
});

describe("TLS", () => {
  const shake = async (port: number, options: ConnectionOptions = {}): Promise<TLSSocket> => {
    const socket = connectTls({ host: "127.0.0.1", port, ca: [pair("first").cert, pair("second").cert], ...options });
    cleanups.push(() => void socket.destroy());
    await once(socket, "secureConnect");
    return socket;
  };

  it("is spoken to requests, also to those that offer an upgrade nobody takes", async () => {
    const listener = await started({ tls: replaceable("first") }, (routes) => routes.request("/", hello));
    for (const headers of [{}, { upgrade: "h2c", connection: "upgrade" }]) {
      const request = httpsRequest({ host: "127.0.0.1", port: listener.port, ca: pair("first").cert, headers }).end();
      const [response] = (await once(request, "response")) as [NodeJS.ReadableStream];
      expect(String(await once(response, "data"))).toBe("hello");
    }
  });

  it("is 1.2 or newer, carries HTTP/1.1, and a new pair changes neither", async () => {
    const tls = replaceable("first");
    const { port } = await started({ tls });
    for (const name of ["first", "second"]) {
      tls.replace(name);
      expect((await shake(port, { maxVersion: "TLSv1.2" })).getProtocol()).toBe("TLSv1.2");
      expect((await shake(port, { ALPNProtocols: ["h2", "http/1.1"] })).alpnProtocol).toBe("http/1.1");
      await expect(shake(port, { ALPNProtocols: ["h2"] })).rejects.toThrow(/application protocol/);
      // The client's library has to be talked into it.
      const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
      await expect(shake(port, old)).rejects.toThrow(/protocol version/);
    }
  });

  it("has the new certificate for new connections once it is replaced, for resumed sessions too, and keeps old connections", async () => {
    const tls = replaceable("first");
    const listener = await started({ tls }, (routes) => routes.request("/", hello));
    const before = await shake(listener.port);
    const [session] = (await once(before, "session")) as [Buffer];
    tls.replace("second");
    for (const options of [{}, { session }]) {
      const after = await shake(listener.port, options);
      expect(after.getPeerX509Certificate()?.fingerprint256).toBe(new X509Certificate(pair("second").cert).fingerprint256);
    }
    before.write(get("/", "Connection: close\r\n"));
    expect(String(await once(before, "data"))).toContain("hello");
  });

  it("is the only thing spoken, and what is not TLS costs nobody else anything", async () => {
    const listener = await started({ tls: replaceable("first") }, (routes) => routes.request("/", hello));
    const plain = dial(listener, get("/"));
    await plain.closed;
    expect(plain.text()).not.toContain("HTTP");
    (await shake(listener.port)).end(get("/"));
  });
});

const fixture = (name: string): string => readFileSync(new URL(`../../fixtures/certs/${name}`, import.meta.url), "utf8");

function pair(name: string): TlsPair {
  return { cert: fixture(`tls-${name}.pem`), key: fixture(`tls-${name}.key`) };
}

function replaceable(name: string): TlsCertificate & { replace(name: string): void } {
  let users: ((pair: TlsPair) => void)[] = [];
  return {
    pair: pair(name),
    onReplaced(use) {
      users.push(use);
      return () => (users = users.filter((user) => user !== use));
    },
    replace(other) {
      for (const use of users) use(pair(other));
    },
  };
}
