import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { Duplex } from "node:stream";
import { CableError, messageOf } from "../errors.ts";
import type { Service } from "../lifecycle.ts";
import type { Logger } from "../logger.ts";
import { ignoreUpgrade } from "./ignore-upgrade.ts";
import { refuseUpgrade } from "./raw-response.ts";
import { RouteTable } from "./route-table.ts";
import type { RequestHandler, Routes, UpgradeHandler } from "./routes.ts";
import { RunningRequests } from "./running-requests.ts";
import type { TlsCertificate, TlsPair } from "./tls-certificate.ts";

export interface HttpListenerOptions {
  /**
   * Name or address to listen on. `localhost` is 127.0.0.1, and ::1 where that can be had; empty or `0.0.0.0` = every address, of both
   * families where there are two, as for AnyCable: private networks of hosts are often IPv6 alone.
   */
  readonly host: string;
  /** 0 = any free one. */
  readonly port: number;
  readonly logger: Logger;
  /** What the operator calls host and port, for errors. Default `host` and `port`. */
  readonly optionNames?: { readonly host: string; readonly port: string };
  /** Listens with TLS (1.2 or newer) only. */
  readonly tls?: TlsCertificate | undefined;
  /** Milliseconds from the first byte, or from the connection, until the request's head must be complete. Default 5,000. */
  readonly headersTimeoutMs?: number;
  /** Milliseconds until the whole request, body included, must be there. Default 30,000. Raise it for publishers on very slow lines. */
  readonly requestTimeoutMs?: number;
  /** Milliseconds that a connection may idle between requests. Default 75,000: longer than the usual 60 s of load balancers, so that they close first. */
  readonly keepAliveTimeoutMs?: number;
  /** Bytes of a request's line and headers; more is answered 431. Default 65,536: cookies of a whole domain add up. */
  readonly maxHeaderBytes?: number;
}

/** One listening port. Parts hang their paths on it, before or after it starts. */
export interface HttpListener extends Service, Routes {
  start(): Promise<void>;
  /** Stops accepting, and waits until `deadline` for requests that run. Sockets that were upgraded belong to whoever took them. */
  stop(deadline: AbortSignal): Promise<void>;
  /** The port that is listened on. @throws {Error} before `start`. */
  readonly port: number;
}

export function httpListener(options: HttpListenerOptions): HttpListener {
  return new NodeListener(options);
}

class NodeListener implements HttpListener {
  readonly name: string;
  readonly #options: HttpListenerOptions;
  readonly #logger: Logger;
  readonly #routes = new RouteTable();
  readonly #running = new RunningRequests();
  #servers: Server[] = [];
  #isStopping = false;

  constructor(options: HttpListenerOptions) {
    this.#options = options;
    this.#logger = options.logger;
    this.name = `http ${options.host}:${options.port}`;
  }

  request(path: string, handler: RequestHandler): void {
    this.#routes.request(path, handler);
  }

  upgrade(path: string, handler: UpgradeHandler): void {
    this.#routes.upgrade(path, handler);
  }

  get port(): number {
    const address = this.#servers[0]?.address();
    if (address === null || typeof address !== "object") throw new Error("The listener has not started.");
    return address.port;
  }

  async start(): Promise<void> {
    const { host, port } = this.#options;
    const isLocalhost = host.toLowerCase() === "localhost";
    this.#servers = [await this.#listen(isLocalhost ? "127.0.0.1" : host, port)];
    if (isLocalhost) {
      // Clients that resolve localhost to ::1 first save a failed attempt. Where there is no IPv6, nothing is lost.
      await this.#listen("::1", this.port).then(
        (server) => this.#servers.push(server),
        (error: unknown) => this.#logger.debug("Not listening on ::1 as well", { error: messageOf(error) }),
      );
    }
    const scheme = this.#options.tls === undefined ? "http" : "https";
    this.#logger.info("Listening", { address: `${scheme}://${bracketed(host)}:${this.port}` });
  }

  async stop(deadline: AbortSignal): Promise<void> {
    this.#isStopping = true;
    // Connections that idle are closed by this as well.
    for (const server of this.#servers) server.close();
    await this.#running.ended(deadline);
    for (const server of this.#servers) server.closeAllConnections();
  }

  async #listen(host: string, port: number): Promise<Server> {
    const server = this.#createServer();
    server.on("request", (request, response) => this.#onRequest(request, response));
    server.on("upgrade", (request, socket, head) => this.#onUpgrade(server, request, socket, head));
    server.listen(host === "" || host === "0.0.0.0" ? { port } : { host, port });
    await once(server, "listening").catch((error: NodeJS.ErrnoException) => {
      throw this.#unavailable(error);
    });
    server.on("error", (error) => this.#logger.error("The listener failed", { error: error.message }));
    return server;
  }

  #createServer(): Server {
    const { tls, headersTimeoutMs = 5_000, requestTimeoutMs = 30_000, keepAliveTimeoutMs = 75_000 } = this.#options;
    const options = {
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      // Node looks for overdue requests at this interval only; its default is 30 s. Connections that idle cost nothing here.
      connectionsCheckingInterval: Math.min(1_000, headersTimeoutMs, requestTimeoutMs),
      keepAliveTimeout: keepAliveTimeoutMs,
      maxHeaderSize: this.#options.maxHeaderBytes ?? 65_536,
      noDelay: true,
    };
    if (tls === undefined) return createServer(options);
    const server = createTlsServer({
      ...options,
      ...secureContext(tls.pair),
      ALPNProtocols: ["http/1.1"],
      handshakeTimeout: headersTimeoutMs,
    });
    server.once(
      "close",
      tls.onReplaced((pair) => server.setSecureContext(secureContext(pair))),
    );
    server.on("tlsClientError", (error) => this.#logger.debug("A TLS handshake failed", { error: error.message }));
    return server;
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    this.#running.add(request, response);
    if (this.#isStopping) response.shouldKeepAlive = false;
    const route = this.#routes.find(request.url!);
    if (route === undefined) return answer(response, 404);
    if (route === "malformed") return answer(response, 400);
    if (route.request === undefined) return answer(response, 426, { upgrade: "websocket" });
    try {
      route.request(request, response);
    } catch (error) {
      this.#logger.error("A request handler failed", { path: pathOf(request), error: messageOf(error) });
      if (response.headersSent) response.destroy();
      else answer(response, 500);
    }
  }

  #onUpgrade(server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Node has taken its own listener off; without one, a reset would end the process. The new owner puts up its own.
    socket.on("error", ignore);
    const route = this.#routes.find(request.url!);
    if (this.#isStopping) return refuseUpgrade(socket, 503);
    if (route === undefined) return refuseUpgrade(socket, 404);
    if (route === "malformed") return refuseUpgrade(socket, 400);
    if (route.upgrade === undefined) {
      socket.off("error", ignore);
      return ignoreUpgrade(server, request, socket, head);
    }
    try {
      route.upgrade(request, socket, head);
      if (socket.listenerCount("error") > 1) socket.off("error", ignore);
    } catch (error) {
      this.#logger.error("An upgrade handler failed", { path: pathOf(request), error: messageOf(error) });
      socket.destroy();
    }
  }

  #unavailable(error: NodeJS.ErrnoException): CableError {
    const { host, port, optionNames = { host: "host", port: "port" } } = this.#options;
    const why = reasons[error.code ?? ""] ?? (() => messageOf(error));
    return new CableError("listener.unavailable", `Can't listen on ${bracketed(host)}:${port}: ${why(optionNames)}.`, { cause: error });
  }
}

const reasons: Readonly<Record<string, (names: { readonly host: string; readonly port: string }) => string>> = {
  EADDRINUSE: ({ port }) => `another process has it. Stop that one, or choose another port with the option ${port}`,
  EACCES: ({ port }) => `not permitted. Choose a port above 1023 with the option ${port}, or allow this process to use low ports`,
  EADDRNOTAVAIL: ({ host }) => `the address is not one of this machine. Correct the option ${host}`,
  ENOTFOUND: ({ host }) => `the name can't be resolved. Correct the option ${host}`,
};

/** Node forgets the version when it gets another pair, so both are always named together. */
function secureContext(pair: TlsPair): Parameters<TlsServer["setSecureContext"]>[0] {
  return { ...pair, minVersion: "TLSv1.2" };
}

function answer(response: ServerResponse, status: number, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { "content-type": "text/plain", ...headers });
  response.end(`${response.statusMessage}\n`);
}

/** Without the query: it may carry tokens. */
function pathOf(request: IncomingMessage): string {
  return request.url!.split("?", 1)[0]!;
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

function ignore(): void {}
