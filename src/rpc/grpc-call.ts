import { Metadata, status as grpcStatus, type experimental, type StatusObject } from "@grpc/grpc-js";
import { CableError, messageOf } from "../errors.ts";
import type { TraceContext } from "../internal/trace-context.ts";
import type { CallSignal } from "../internal/cancellation.ts";

/** What a call is made from. */
export interface UnaryCallOptions<Answer> {
  /** Shared by the calls of a channel: those that are running. */
  readonly running: Set<RunningCall>;
  readonly signal: CallSignal;
  readonly request: Buffer;
  readonly metadata: Metadata;
  /** Turns the answer's bytes into the answer, or throws a CableError. */
  readonly read: (bytes: Uint8Array) => Answer;
  /** Why the call does not get on, for the error when it is given up; empty when it simply takes its time. */
  readonly hindrance: () => string;
}

export interface RunningCall {
  /** Ends the call, and tells the caller so. */
  fail(error: CableError): void;
}

/**
 * One request, one answer. Straight on the channel, without the library's client in between: that one makes an event emitter, an error
 * with a stack trace and half a dozen closures for each call.
 */
export function unaryCall<Answer>(call: experimental.CallStream, options: UnaryCallOptions<Answer>): Promise<Answer> {
  return new Promise((resolve, reject) => new UnaryCall(call, options, resolve, reject).start());
}

class UnaryCall<Answer> implements RunningCall {
  private readonly call: experimental.CallStream;
  private readonly options: UnaryCallOptions<Answer>;
  private readonly resolve: (answer: Answer) => void;
  private readonly reject: (error: unknown) => void;
  private answer: Buffer | undefined;
  private isOver = false;

  constructor(
    call: experimental.CallStream,
    options: UnaryCallOptions<Answer>,
    resolve: (answer: Answer) => void,
    reject: (error: unknown) => void,
  ) {
    this.call = call;
    this.options = options;
    this.resolve = resolve;
    this.reject = reject;
  }

  start(): void {
    const { running, signal, request, metadata } = this.options;
    running.add(this);
    signal.addEventListener("abort", this);
    this.call.start(metadata, this);
    this.call.startRead();
    this.call.sendMessageWithContext({}, request);
    this.call.halfClose();
  }

  /** The signal fired. */
  handleEvent(): void {
    const hindrance = this.options.hindrance();
    this.fail(new CableError("rpc.canceled", hindrance === "" ? "the call was given up" : `the call was given up: ${hindrance}`));
  }

  fail(error: CableError): void {
    if (this.isOver) return;
    this.end();
    this.call.cancelWithStatus(grpcStatus.CANCELLED, error.code);
    this.reject(error);
  }

  onReceiveMetadata(): void {}

  onReceiveMessage(message: Buffer): void {
    if (this.answer === undefined) {
      this.answer = message;
      // Without it the library would wait for ever for somebody to take a second answer, and never tell how the call ended.
      this.call.startRead();
    } else {
      this.fail(new CableError("rpc.invalid_answer", "the application gave more than one answer to one call"));
    }
  }

  onReceiveStatus(status: StatusObject): void {
    if (this.isOver) return;
    this.end();
    try {
      this.resolve(this.outcome(status));
    } catch (error) {
      this.reject(error);
    }
  }

  private outcome(status: StatusObject): Answer {
    if (status.code !== grpcStatus.OK) throw errorOf(status);
    if (this.answer === undefined) throw new CableError("rpc.invalid_answer", "the application ended the call without an answer");
    return this.options.read(this.answer);
  }

  private end(): void {
    this.isOver = true;
    this.options.running.delete(this);
    this.options.signal.removeEventListener("abort", this);
  }
}

/** A gRPC status as an error of ours. */
function errorOf({ code, details }: StatusObject): CableError {
  const said = details === "" ? "" : `: ${details}`;
  switch (code) {
    case grpcStatus.UNAVAILABLE:
      return new CableError("rpc.unavailable", `the application can't be reached${said}`);
    case grpcStatus.RESOURCE_EXHAUSTED:
      // The library uses the same status for an answer that it refuses to read. Asking again would only bring it again.
      if (details.startsWith("Received message larger than max")) {
        return new CableError("rpc.invalid_answer", `the application's answer is too large${said}; the limit is rpc_max_call_recv_size`);
      }
      return new CableError("rpc.exhausted", `the application has no capacity for the call${said}`);
    case grpcStatus.DEADLINE_EXCEEDED:
      return new CableError("rpc.timeout", `the application did not answer in time${said}`);
    case grpcStatus.UNAUTHENTICATED:
      return new CableError("rpc.unauthenticated", `the application's RPC server refused our credentials${said}`);
    case grpcStatus.UNIMPLEMENTED:
      return new CableError("rpc.failed", `the server at rpc_host does not know the call; is it an AnyCable RPC server?${said}`);
    default:
      return new CableError("rpc.failed", `the call failed with gRPC status ${grpcStatus[code] ?? code}${said}`);
  }
}

/** Metadata of a call. @throws {CableError} `rpc.failed` when the sid can't travel in a header. */
export function callMetadata({ sid, trace }: { readonly sid: string; readonly trace?: TraceContext }): Metadata {
  // Calls wait while no server can be reached: whoever made them decides for how long.
  const metadata = new Metadata({ waitForReady: true });
  try {
    metadata.set("sid", sid);
  } catch (error) {
    throw new CableError("rpc.failed", `the sid can't be sent: ${messageOf(error)}`, { cause: error });
  }
  metadata.set("protov", "v1");
  if (trace !== undefined) {
    metadata.set("traceparent", trace.traceparent);
    if (trace.tracestate !== undefined) metadata.set("tracestate", trace.tracestate);
  }
  return metadata;
}
