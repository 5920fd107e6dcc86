// The gRPC server that Ropeway asks.

import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { Application } from "./application.ts";
import {
  loadRpcService,
  type CommandMessage,
  type ConnectionRequest,
  type DisconnectRequest,
  type Status,
  type UnaryHandler,
} from "./contract.ts";

export interface Backend {
  stop(): void;
}

export interface BackendOptions {
  readonly app: Application;
  readonly port: number;
  readonly protoPath: string;
  /** Hears what a call threw; the cable server gets status ERROR. */
  readonly onError: (error: unknown) => void;
}

/** Listens on 127.0.0.1. Rejects when the port is taken. */
export async function startBackend({ app, port, protoPath, onError }: BackendOptions): Promise<Backend> {
  function unary<Request, Response extends { readonly status: Status; readonly error_msg?: string }>(
    handle: (request: Request, sid: string | undefined) => Response | Promise<Response>,
  ): UnaryHandler<Request, Response | { readonly status: "ERROR"; readonly error_msg: string }> {
    return (call, answer) => {
      const sid = call.metadata.get("sid")[0]?.toString();
      Promise.resolve()
        .then(() => handle(call.request, sid))
        .catch((error: unknown) => {
          onError(error);
          return { status: "ERROR" as const, error_msg: error instanceof Error ? error.message : String(error) };
        })
        .then((response) => answer(null, response))
        .catch(onError);
    };
  }

  const server = new Server();
  server.addService(loadRpcService(protoPath), {
    Connect: unary((request: ConnectionRequest, sid) => app.connect(request, sid)),
    Command: unary((request: CommandMessage) => app.command(request)),
    Disconnect: unary((request: DisconnectRequest) => app.disconnect(request)),
  });
  const address = `127.0.0.1:${port}`;
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error) => {
      if (error === null) resolve();
      else reject(new Error(`the application can't listen on ${address}: ${error.message}`, { cause: error }));
    });
  });
  return { stop: () => server.forceShutdown() };
}
