const timeoutMs = 5_000;

/** Sends a message to everybody who hears this stream. Rejects when the cable server didn't take it. */
export type Publish = (stream: string, message: unknown) => Promise<void>;

/** Publishes through the cable server's HTTP endpoint, one message after another, so that they arrive in the order of the calls. */
export function httpPublish(url: string): Publish {
  let previous: Promise<void> = Promise.resolve();

  return (stream, message) => {
    const publication = JSON.stringify({ stream, data: JSON.stringify(message) });
    const sent = previous.then(() => post(url, publication));
    previous = sent.catch(() => {});
    return sent;
  };
}

async function post(url: string, body: string): Promise<void> {
  const headers = { "content-type": "application/json" };
  let response: Response;
  try {
    response = await fetch(url, { method: "POST", headers, body, signal: AbortSignal.timeout(timeoutMs) });
  } catch (error) {
    throw new Error(`the cable server doesn't answer at ${url}`, { cause: error });
  }
  const text = await response.text();
  if (response.status !== 201) throw new Error(`${url} answered ${response.status} ${text}`.trim());
}
