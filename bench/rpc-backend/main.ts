/**
 * A real application, as small as it can be: lets everybody in, confirms every subscription, and answers each action with what came in it.
 * Arguments: its ports for gRPC and for HTTP, on 127.0.0.1.
 */
import { type handleUnaryCall, Server, ServerCredentials } from "@grpc/grpc-js";
import {
  CommandMessage,
  CommandResponse,
  ConnectionRequest,
  ConnectionResponse,
  DisconnectRequest,
  DisconnectResponse,
  Status,
} from "../../src/rpc/generated/rpc.ts";
import { answersTo, welcome } from "./echo.ts";
import { serveHttp } from "./http.ts";

const NO_CHANGES = { cstate: new Map<string, string>(), istate: new Map<string, string>() };

function connect(sid: string): ConnectionResponse {
  return { status: Status.SUCCESS, ...welcome(sid), errorMsg: "", env: NO_CHANGES };
}

function command({ command: name, identifier, data }: CommandMessage): CommandResponse {
  return {
    status: Status.SUCCESS,
    disconnect: false,
    stopStreams: false,
    streams: [],
    transmissions: answersTo(name, identifier, data),
    errorMsg: "",
    env: NO_CHANGES,
    stoppedStreams: [],
    presence: undefined,
  };
}

interface Codec<Message> {
  encode(message: Message): { finish(): Uint8Array };
  decode(bytes: Uint8Array): Message;
}

function unary<Request, Response>(path: string, request: Codec<Request>, response: Codec<Response>) {
  return {
    path: `/anycable.RPC/${path}`,
    requestStream: false,
    responseStream: false,
    requestSerialize: (message: Request): Buffer => Buffer.from(request.encode(message).finish()),
    requestDeserialize: (bytes: Buffer): Request => request.decode(bytes),
    responseSerialize: (message: Response): Buffer => Buffer.from(response.encode(message).finish()),
    responseDeserialize: (bytes: Buffer): Response => response.decode(bytes),
  };
}

const definition = {
  connect: unary("Connect", ConnectionRequest, ConnectionResponse),
  command: unary("Command", CommandMessage, CommandResponse),
  disconnect: unary("Disconnect", DisconnectRequest, DisconnectResponse),
};

const onConnect: handleUnaryCall<ConnectionRequest, ConnectionResponse> = (call, answer) =>
  answer(null, connect(String(call.metadata.get("sid")[0])));
const onCommand: handleUnaryCall<CommandMessage, CommandResponse> = (call, answer) => answer(null, command(call.request));
const onDisconnect: handleUnaryCall<DisconnectRequest, DisconnectResponse> = (_call, answer) =>
  answer(null, { status: Status.SUCCESS, errorMsg: "" });

const server = new Server();
server.addService(definition, { connect: onConnect, command: onCommand, disconnect: onDisconnect });
const [grpcPort = "", httpPort = ""] = process.argv.slice(2);
// Whoever finds gRPC there finds the other too.
serveHttp(Number(httpPort), () => {
  server.bindAsync(`127.0.0.1:${grpcPort}`, ServerCredentials.createInsecure(), (error) => {
    if (error !== null) throw error;
  });
});
process.on("SIGTERM", () => process.exit(0));
