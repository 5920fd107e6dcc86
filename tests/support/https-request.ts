import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { request, type RequestOptions } from "node:https";
import { text } from "node:stream/consumers";

/** One request over TLS, which `fetch` can't make to a server with a certificate of the test's own. */
export async function httpsRequest(
  url: string,
  { body, ...options }: RequestOptions & { readonly body?: string } = {},
): Promise<{ readonly status: number; readonly text: string }> {
  const asked = request(url, { agent: false, ...options });
  const answered = once(asked, "response") as Promise<[IncomingMessage]>;
  asked.end(body);
  const [response] = await answered;
  return { status: response.statusCode!, text: await text(response) };
}
