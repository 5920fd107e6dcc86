import { CableClient, type Received } from "./cable-client.ts";

const EXT = ["actioncable-v1-ext-json"] as const;

type ClientOptions = ConstructorParameters<typeof CableClient>[1];

/** Connects with the extended protocol. Resolves to the client and what its welcome said. */
export async function connectExt(
  url: string,
  options: ClientOptions = {},
): Promise<{ readonly client: CableClient; readonly welcome: Received; readonly sid: string }> {
  const client = new CableClient(url, { protocols: EXT, ...options });
  const welcome = await client.next();
  return { client, welcome, sid: String(welcome["sid"]) };
}

/** Where a data message stands in its stream. */
export function positionOf(message: Received): { readonly epoch: string; readonly offset: number } {
  return { epoch: String(message["epoch"]), offset: Number(message["offset"]) };
}

/** What the data messages among these say. */
export function bodiesOf(messages: readonly Received[]): unknown[] {
  return messages.filter((message) => "message" in message && message["type"] === undefined).map(({ message }) => message);
}

/** Takes messages until one of this type, which is the last of those returned. */
export async function until(client: CableClient, type: string): Promise<Received[]> {
  const heard: Received[] = [];
  for (;;) {
    const message = await client.next();
    heard.push(message);
    if (message["type"] === type) return heard;
  }
}
