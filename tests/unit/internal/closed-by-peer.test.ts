import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { afterEach, expect, it } from "vitest";
import { isClosedByPeer } from "../../../src/internal/closed-by-peer.ts";
import { freePort } from "../../support/free-port.ts";

const cleanups: (() => void)[] = [];
afterEach(() => cleanups.splice(0).forEach((cleanup) => cleanup()));

/** A connection that the other side has closed. */
async function closedConnection(): Promise<Socket> {
  const server = createServer((socket) => socket.end()).listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  cleanups.push(
    () => server.close(),
    () => socket.destroy(),
  );
  socket.resume();
  await once(socket, "end");
  return socket;
}

function write(socket: Socket): Promise<unknown> {
  socket.on("error", () => {});
  return new Promise((resolve) => socket.write("x", resolve));
}

it("recognizes what Node.js says of a write that comes too late, whenever it comes", async () => {
  const atOnce = await closedConnection();
  expect(isClosedByPeer(await write(atOnce))).toBe(true);

  const ended = await closedConnection();
  ended.end();
  expect(isClosedByPeer(await write(ended))).toBe(true);

  const destroyed = await closedConnection();
  destroyed.destroy();
  expect(isClosedByPeer(await write(destroyed))).toBe(true);
});

it("leaves other failures their own words", async () => {
  const [refused] = (await once(connect(await freePort(), "127.0.0.1"), "error")) as [unknown];
  expect(refused).toMatchObject({ code: "ECONNREFUSED" });
  expect(isClosedByPeer(refused)).toBe(false);
  expect(isClosedByPeer(new Error("EPIPE"))).toBe(false);
});
