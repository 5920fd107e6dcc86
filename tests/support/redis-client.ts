import { createClient } from "@redis/client";

/** Calls one command after the other over a connection of its own, as an application or an operator would. */
export async function redisCall(url: string, ...commands: readonly (readonly string[])[]): Promise<unknown[]> {
  const client = createClient({
    url,
    RESP: 2,
    socket: { reconnectStrategy: false, ...(url.startsWith("rediss:") && { tls: true, rejectUnauthorized: false }) },
  });
  client.on("error", () => {});
  await client.connect();
  try {
    const replies: unknown[] = [];
    for (const command of commands) replies.push(await client.sendCommand(command));
    return replies;
  } finally {
    client.destroy();
  }
}

/** Publishes bodies in order to the channel that Ropeway listens to by default. */
export async function redisPublish(url: string, ...bodies: readonly string[]): Promise<void> {
  await redisCall(url, ...bodies.map((body) => ["PUBLISH", "__anycable__", body]));
}

/** `field value field value …` of a reply, as an object. */
export function fieldsOf(reply: unknown): Readonly<Record<string, string>> {
  const list = reply as readonly string[];
  return Object.fromEntries(list.flatMap((name, at) => (at % 2 === 0 ? [[name, list[at + 1]!]] : [])));
}
