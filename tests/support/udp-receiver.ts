import { createSocket } from "node:dgram";
import { once } from "node:events";

/** Something that listens on a UDP port of 127.0.0.1 and keeps what comes. */
export interface UdpReceiver {
  readonly port: number;
  readonly packets: readonly string[];
  close(): Promise<void>;
}

/** `port` 0: any free one. */
export async function udpReceiver(port = 0): Promise<UdpReceiver> {
  const packets: string[] = [];
  const socket = createSocket("udp4", (message) => packets.push(message.toString()));
  socket.bind(port, "127.0.0.1");
  await once(socket, "listening");
  return {
    port: socket.address().port,
    packets,
    async close() {
      socket.close();
      await once(socket, "close");
    },
  };
}

/** What the lines of packets say: name, tags written into it included → sum of its values. */
export function sumsOf(packets: readonly string[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const line of packets.flatMap((packet) => packet.split("\n"))) {
    const [, name, value] = /^([^:]+):([^|]+)\|[cg]/.exec(line)!;
    sums[name!] = (sums[name!] ?? 0) + Number(value);
  }
  return sums;
}
