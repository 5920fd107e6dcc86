import { connect, type Socket } from "node:net";
import { expect, vi } from "vitest";

/** A POST request as it goes over the wire; `headers` are whole lines. */
export function rawPost(path: string, body: string, headers = ""): string {
  return `POST ${path} HTTP/1.1\r\nHost: x\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

/** Posts bodies over one connection without waiting for answers in between, and resolves to the statuses. */
export function postPipelined(port: number, path: string, bodies: readonly string[]): Promise<number[]> {
  const socket = connect(port, "127.0.0.1");
  socket.write(bodies.map((body) => rawPost(path, body)).join(""));
  return statuses(socket, bodies.length);
}

/** Reads the statuses of `count` answers, then hangs up. */
export async function statuses(socket: Socket, count: number): Promise<number[]> {
  let text = "";
  socket.setEncoding("latin1").on("data", (chunk: string) => (text += chunk));
  const found = (): number[] => [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]));
  await vi.waitFor(() => expect(found().length).toBeGreaterThanOrEqual(count), { timeout: 10_000 });
  socket.destroy();
  return found();
}
