import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocket, WebSocketServer, type ServerOptions } from "ws";
import type { Logger } from "../logger.ts";
import { refuseUpgrade } from "../http/raw-response.ts";
import type { TrustedProxies } from "../http/proxies.ts";
import { requestHandshake } from "./handshake.ts";
import type { Accept, Admits, Connection, ConnectionListener, Framing, Handshake, Transport } from "./transport.ts";
import { deflateFraming, offersDeflate } from "./websocket-deflate.ts";
import { websocketFraming } from "./websocket-framing.ts";
import { inflateAtOnce } from "./websocket-inflate.ts";

export interface WebsocketOptions {
  /** Paths, AnyCable's patterns included (`/cable`, `/{tenant}/cable`, `/*`). */
  readonly paths: readonly string[];
  /** Largest message that a client may send, in bytes; a larger one closes with 1009. AnyCable's default: 64 KiB. */
  readonly maxMessageBytes: number;
  /** Agrees on permessage-deflate with clients that offer it. Default false. */
  readonly compression?: boolean;
  /** Most connections at a time; past it an upgrade is answered 503. 0 = any number. */
  readonly maxConnections: number;
  /** How long a peer may take to answer a close frame. */
  readonly closeTimeoutMs: number;
  /** Sent as `X-AnyCable-Version`. */
  readonly version: string;
  /** Whether a page may connect; `why` not is for the log. */
  readonly checkOrigin: (request: IncomingMessage) => { readonly allowed: true } | { readonly allowed: false; readonly why: string };
  /** Whom to believe about a client's address and about the URL that it used. Default: nobody. */
  readonly proxies?: TrustedProxies | undefined;
  /** The subprotocol to agree on; undefined = none, and the connection is accepted all the same. */
  readonly chooseSubprotocol: (offered: ReadonlySet<string>) => string | undefined;
  readonly logger: Logger;
}

/**
 * WebSocket (RFC 6455). The `ws` library shakes hands, parses what comes in, answers control frames and closes; whatever goes out is
 * framed by us and written straight to the socket, so that one buffer serves all who hear it and one write serves all that waits.
 */
export function websocketTransport(options: WebsocketOptions): Transport {
  const { compression = false, proxies } = options;
  // `closeTimeout` is ws 8.19's and not in its type package yet.
  const serverOptions: ServerOptions & { readonly closeTimeout: number } = {
    noServer: true,
    clientTracking: false,
    // What `ws` would compress is never asked for: what goes out is framed by us.
    perMessageDeflate: compression && { serverNoContextTakeover: true, clientNoContextTakeover: true },
    maxPayload: options.maxMessageBytes,
    closeTimeout: options.closeTimeoutMs,
    handleProtocols: (offered: ReadonlySet<string>) => options.chooseSubprotocol(offered) ?? false,
  };
  const server = new WebSocketServer(serverOptions);
  server.on("headers", (headers) => headers.push(`X-AnyCable-Version: ${options.version}`));
  const door = new Door();
  const inflateHere = inflateAtOnce(options.maxMessageBytes);

  function upgrade(accept: Accept, admits: Admits | undefined, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const origin = options.checkOrigin(request);
    if (!origin.allowed) {
      options.logger.warn("connection refused: origin", {
        why: origin.why,
        remote_addr: proxies?.clientAddress(request) ?? request.socket.remoteAddress,
      });
      return refuseUpgrade(socket, 403);
    }
    if (options.maxConnections > 0 && door.connections >= options.maxConnections) {
      options.logger.warn("connection refused: max-conn reached", { max_conn: options.maxConnections });
      return refuseUpgrade(socket, 503);
    }
    if (admits?.(proxies?.clientAddress(request) ?? request.socket.remoteAddress ?? "") === false) {
      return refuseUpgrade(socket, 429, RETRY_AFTER_SECONDS);
    }
    // `ws` refuses clients whose offers it can't take, so it is shown none but ours.
    if (compression)
      request.headers["sec-websocket-extensions"] = offersDeflate(request.headers["sec-websocket-extensions"]) ? DEFLATE : undefined;
    // The answer and the welcome, which most often is there at once, leave in one write.
    socket.cork();
    server.handleUpgrade(request, socket, head, (client) => {
      door.connections++;
      const isCompressed = compression && client.extensions !== "";
      if (isCompressed) inflateHere(client);
      const connection = new WebsocketConnection(client, socket, door, isCompressed ? deflateFraming : websocketFraming);
      connection.serve(accept, requestHandshake(request, client.protocol, proxies));
      door.uncorkLater(connection);
    });
  }

  return {
    mount(routes, accept, admits) {
      for (const path of options.paths) {
        routes.upgrade(path, (request, socket, head) => upgrade(accept, admits, request, socket, head));
        routes.request(path, (request, response) => {
          const isGet = request.method === "GET";
          response.writeHead(isGet ? 400 : 405, { "content-type": "text/plain", connection: "close", ...(!isGet && { allow: "GET" }) });
          response.end("This is a WebSocket endpoint.\n");
        });
      }
    },
  };
}

/** What all connections of a transport share. */
class Door {
  connections = 0;
  #corked: WebsocketConnection[] = [];

  /** At the end of the turn, after what the turn had to say, the answer to the handshake leaves in any case. */
  uncorkLater(connection: WebsocketConnection): void {
    if (this.#corked.push(connection) === 1) setImmediate(this.#uncork);
  }

  readonly #uncork = (): void => {
    const corked = this.#corked;
    this.#corked = [];
    for (const connection of corked) connection.uncork();
  };
}

/** Told to clients of an address that connects too often. */
const RETRY_AFTER_SECONDS = 5;
const DEFLATE = "permessage-deflate";
const EMPTY = Buffer.alloc(0);
const kConnection = Symbol("connection");
/** One set of handlers for all sockets: a closure per socket and event would be the larger part of an idle client's memory. */
type Client = WebSocket & { [kConnection]: WebsocketConnection };

class WebsocketConnection implements Connection {
  readonly framing: Framing;
  readonly #client: WebSocket;
  readonly #socket: Duplex;
  readonly #door: Door;
  readonly #isTls: boolean;
  #isCorked = true;
  #fault: string | undefined;
  #listener: ConnectionListener | undefined;
  #whenTaken: ((error?: Error | null) => void) | undefined;

  constructor(client: WebSocket, socket: Duplex, door: Door, framing: Framing) {
    this.framing = framing;
    this.#client = client;
    this.#socket = socket;
    this.#door = door;
    this.#isTls = "encrypted" in socket;
  }

  serve(accept: Accept, handshake: Handshake): void {
    (this.#client as Client)[kConnection] = this;
    this.#client.on("message", onMessage).on("pong", onPong).on("close", onClose).on("error", onError);
    this.#listener = accept(this, handshake);
  }

  write(chunks: readonly Buffer[]): boolean {
    // After either side's close frame nothing may follow.
    if (this.#client.readyState !== WebSocket.OPEN) return true;
    const socket = this.#socket;
    // Under TLS no write is done before the next turn, so the last chunk always carries the question.
    const whenTaken = this.#isTls ? this.#drainer() : undefined;
    if (chunks.length === 1) {
      socket.write(chunks[0]!, whenTaken);
    } else {
      const last = chunks.length - 1;
      socket.cork();
      for (let at = 0; at <= last; at++) socket.write(chunks[at]!, at === last ? whenTaken : undefined);
      socket.uncork();
    }
    this.uncork();
    if (whenTaken !== undefined) return false;
    // The kernel usually takes everything at once, and then nothing is left to count.
    if (socket.writableLength === 0) return true;
    // "drain" is not emitted for little that is left; an empty write behind it always reports back. No callback in the usual case.
    socket.write(EMPTY, this.#drainer());
    return false;
  }

  /** Lets go of what was held back since the handshake. */
  uncork(): void {
    if (!this.#isCorked) return;
    this.#isCorked = false;
    this.#socket.uncork();
  }

  pause(): void {
    this.#client.pause();
  }

  resume(): void {
    this.#client.resume();
  }

  close(code: number, text: string): void {
    this.#client.close(code, text);
  }

  destroy(): void {
    this.#client.terminate();
  }

  /** Made when first needed: most connections never do. */
  #drainer(): (error?: Error | null) => void {
    return (this.#whenTaken ??= (error) => {
      // Of a broken connection `closed` tells.
      if (!error) this.#listener?.drained();
    });
  }

  received(data: Buffer, isBinary: boolean): void {
    this.#listener?.received(isBinary ? data : data.toString());
  }

  alive(): void {
    this.#listener?.alive();
  }

  /** A broken frame or a broken socket. `ws` closes with the code that fits, and `closed` follows. */
  failed(error: Error): void {
    this.#fault = error.message;
  }

  closed(code: number): void {
    const listener = this.#listener;
    this.#listener = undefined;
    this.#door.connections--;
    // 1006 stands for "no close frame came".
    listener?.closed({ code, clean: code !== 1006, ...(this.#fault !== undefined && { fault: this.#fault }) });
  }
}

function onMessage(this: WebSocket, data: unknown, isBinary: boolean): void {
  (this as Client)[kConnection].received(data as Buffer, isBinary);
}

function onPong(this: WebSocket): void {
  (this as Client)[kConnection].alive();
}

function onClose(this: WebSocket, code: number): void {
  (this as Client)[kConnection].closed(code);
}

function onError(this: WebSocket, error: Error): void {
  (this as Client)[kConnection].failed(error);
}
