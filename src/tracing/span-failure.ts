import { SpanStatusCode, type Span } from "@opentelemetry/api";
import { CableError, messageOf } from "../errors.ts";

/** Marks a span as failed, with the code of the error as its type. */
export function failSpan(span: Span | undefined, error: unknown): void {
  span?.setAttribute("error.type", error instanceof CableError ? error.code : "internal");
  // The client went away, or gave up: nobody's fault.
  if (error instanceof CableError && error.code === "rpc.canceled") return;
  span?.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
}
