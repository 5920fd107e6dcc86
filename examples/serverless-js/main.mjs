// A chat on @anycable/serverless-js: answers Ropeway's HTTP RPC, and publishes over HTTP.

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import { Application, Channel, handler } from "@anycable/serverless-js";

const { PORT = "9292", ANYCABLE_SECRET = "change-me", CABLE_URL = "http://localhost:8080" } = process.env;

/** Ropeway derives the same keys from its own --secret. */
const derived = (phrase) => createHmac("sha256", ANYCABLE_SECRET).update(phrase).digest("hex");

async function publish(stream, message) {
  await fetch(`${CABLE_URL}/_broadcast`, {
    method: "POST",
    headers: { authorization: `Bearer ${derived("broadcast-cable")}` },
    body: JSON.stringify({ stream, data: JSON.stringify(message) }),
  });
}

class ChatChannel extends Channel {
  async subscribed(handle, { room }) {
    if (room === undefined) handle.reject();
    else handle.streamFrom(`room/${room}`);
  }

  async speak(handle, { room }, { text }) {
    await publish(`room/${room}`, { name: handle.identifiers.name, text });
  }
}

class Chat extends Application {
  async connect(handle) {
    const name = new URL(handle.env.url).searchParams.get("name");
    if (name === null) handle.reject();
    else handle.identifiedBy({ name });
  }
}

const chat = new Chat();
chat.registerChannel("ChatChannel", new ChatChannel());

const expected = Buffer.from(`Bearer ${derived("rpc-cable")}`);

function isRopeway({ headers }) {
  const given = Buffer.from(headers.authorization ?? "");
  return given.length === expected.length && timingSafeEqual(given, expected);
}

async function answer(request, response) {
  if (!isRopeway(request)) return response.writeHead(401).end();
  try {
    const body = Buffer.concat(await request.toArray());
    const headers = { "x-anycable-meta-sid": request.headers["x-anycable-meta-sid"] ?? "" };
    const answered = await handler(new Request(`http://localhost${request.url}`, { method: "POST", headers, body }), chat);
    return response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answered));
  } catch (error) {
    console.error(error);
    return response.writeHead(500).end();
  }
}

createServer((request, response) => void answer(request, response)).listen(Number(PORT), () =>
  console.log(`Answering at http://localhost:${PORT}/api/anycable`),
);
