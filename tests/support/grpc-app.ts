import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import {
  Server,
  ServerCredentials,
  status as grpcStatus,
  type handleUnaryCall,
  type MethodDefinition,
  type sendUnaryData,
} from "@grpc/grpc-js";
import * as proto from "../../src/rpc/generated/rpc.ts";
import { Refusal, type Application, type IncomingCall } from "./application.ts";

export interface GrpcAppOptions {
  readonly application?: Application;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: any free one. */
  readonly port?: number;
  /** PEM texts; without them the server speaks plain text. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** A real gRPC server that answers as an application does. */
export interface GrpcApp {
  readonly port: number;
  /** For `rpc_host`. */
  readonly address: string;
  /** The calls that have arrived, in order. */
  readonly calls: readonly ReceivedCall[];
  /** Connections that clients hold at the moment. */
  connections(): number;
  /** Asks its clients to go elsewhere, as a server does before it is replaced; finishes what it has begun, and takes new connections. */
  goAway(): void;
  /** Drops everything, as a process does that dies. */
  kill(): Promise<void>;
}

export type ReceivedCall = IncomingCall &
  (
    | { readonly method: "Connect"; readonly request: proto.ConnectionRequest }
    | { readonly method: "Command"; readonly request: proto.CommandMessage }
    | { readonly method: "Disconnect"; readonly request: proto.DisconnectRequest }
  );

interface Codec<Message> {
  encode(message: Message): { finish(): Uint8Array };
  decode(bytes: Uint8Array): Message;
}

const statusOfRefusal = {
  unavailable: grpcStatus.UNAVAILABLE,
  exhausted: grpcStatus.RESOURCE_EXHAUSTED,
  unauthenticated: grpcStatus.UNAUTHENTICATED,
  unknown: grpcStatus.UNKNOWN,
} as const;

export async function startGrpcApp({ application = {}, host = "127.0.0.1", port = 0, tls }: GrpcAppOptions = {}): Promise<GrpcApp> {
  const calls: ReceivedCall[] = [];
  const server = new Server();
  server.addService(
    {
      Connect: method("Connect", proto.ConnectionRequest, proto.ConnectionResponse),
      Command: method("Command", proto.CommandMessage, proto.CommandResponse),
      Disconnect: method("Disconnect", proto.DisconnectRequest, proto.DisconnectResponse),
    },
    {
      Connect: unary<proto.ConnectionRequest>((request, call) => {
        calls.push({ method: "Connect", request, ...call });
        return application.connect?.(request, call);
      }),
      Command: unary<proto.CommandMessage>((request, call) => {
        calls.push({ method: "Command", request, ...call });
        return application.command?.(request, call);
      }),
      Disconnect: unary<proto.DisconnectRequest>((request, call) => {
        calls.push({ method: "Disconnect", request, ...call });
        return application.disconnect?.(request, call);
      }),
    },
  );
  const secrets = tls
    ? ServerCredentials.createSsl(null, [{ private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.cert) }])
    : ServerCredentials.createInsecure();
  const injector = server.createConnectionInjector(secrets);
  // The library's own listener can't drop its connections without saying goodbye first, and a process that dies says nothing.
  const sockets = new Set<Socket>();
  const listener = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    injector.injectConnection(socket);
  });
  listener.listen(port, host);
  await once(listener, "listening");
  const { port: bound } = listener.address() as AddressInfo;
  return {
    port: bound,
    address: `${host}:${bound}`,
    calls,
    connections: () => sockets.size,
    goAway: () => injector.drain(60_000),
    async kill() {
      const closed = once(listener, "close");
      listener.close();
      for (const socket of sockets) socket.destroy();
      await closed;
      server.forceShutdown();
    },
  };
}

function method<Request, Response>(name: string, request: Codec<Request>, response: Codec<Response>): MethodDefinition<Request, unknown> {
  const empty = response.decode(new Uint8Array());
  return {
    path: `/anycable.RPC/${name}`,
    requestStream: false,
    responseStream: false,
    requestSerialize: (message) => Buffer.from(request.encode(message).finish()),
    requestDeserialize: (bytes) => request.decode(bytes),
    responseSerialize: (answer) =>
      Buffer.from(
        answer instanceof Uint8Array ? answer : response.encode({ ...empty, status: proto.Status.SUCCESS, ...(answer as object) }).finish(),
      ),
    responseDeserialize: (bytes) => response.decode(bytes),
  };
}

function unary<Request>(handle: (request: Request, call: IncomingCall) => unknown): handleUnaryCall<Request, unknown> {
  return (call, respond) => {
    const canceled = new AbortController();
    call.on("cancelled", () => canceled.abort());
    const metadata = (name: string): string => String(call.metadata.get(name)[0] ?? "");
    const [sid = "", protov = "", traceparent = "", tracestate = ""] = ["sid", "protov", "traceparent", "tracestate"].map(metadata);
    void answer(() => handle(call.request, { sid, protov, traceparent, tracestate, canceled: canceled.signal }), respond);
  };
}

async function answer(handle: () => unknown, respond: sendUnaryData<unknown>): Promise<void> {
  try {
    respond(null, (await handle()) ?? {});
  } catch (error) {
    const code = error instanceof Refusal ? statusOfRefusal[error.kind] : grpcStatus.INTERNAL;
    respond({ code, details: error instanceof Error ? error.message : String(error) });
  }
}
