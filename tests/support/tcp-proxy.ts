import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A wire to a port of 127.0.0.1 that can be cut. */
export interface TcpProxy {
  readonly port: number;
  /** Ends all connections, and lets nobody through any more. */
  cut(): void;
  /** Lets through again. */
  mend(): void;
  /** Ends all connections, and lets new ones through to another port. */
  aim(target: number): void;
  /** Connections stay up, but nothing gets through in either direction: all of them, or those whose client has said this so far. */
  hold(saying?: string): void;
  /** What was held gets through. */
  release(): void;
  close(): Promise<void>;
}

const mostSaid = 16_384;

export async function tcpProxy(port: number): Promise<TcpProxy> {
  let target = port;
  const pairs = new Set<readonly [Socket, Socket]>();
  const held = new Set<readonly [Socket, Socket]>();
  /** What the client of each said in the beginning. */
  const said = new WeakMap<readonly [Socket, Socket], string>();
  let isCut = false;
  const server = createServer((inner) => {
    if (isCut) return void inner.destroy();
    const outer = connect(target, "127.0.0.1");
    const pair = [inner, outer] as const;
    pairs.add(pair);
    for (const socket of pair) {
      socket.on("error", () => {});
      socket.on("close", () => {
        pairs.delete(pair);
        for (const one of pair) one.destroy();
      });
    }
    inner.on("data", (chunk: Buffer) => {
      const before = said.get(pair) ?? "";
      if (before.length < mostSaid) said.set(pair, before + chunk.toString("latin1"));
    });
    inner.pipe(outer);
    outer.pipe(inner);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const end = (): void => {
    for (const pair of pairs) for (const socket of pair) socket.destroy();
  };
  const cut = (): void => {
    isCut = true;
    end();
  };
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    mend: () => void (isCut = false),
    aim(to) {
      target = to;
      end();
    },
    hold(saying = "") {
      for (const pair of pairs) {
        if (!(said.get(pair) ?? "").includes(saying)) continue;
        for (const socket of pair) {
          socket.unpipe();
          socket.pause();
        }
        held.add(pair);
      }
    },
    release() {
      for (const [inner, outer] of held) {
        inner.pipe(outer);
        outer.pipe(inner);
      }
      held.clear();
    },
    async close() {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}
