import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import { createAdaptorServer } from "@hono/node-server";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import {
  createServer,
  inProcessController,
  type Controller,
  type Identity,
  type InProcessApplication,
  type Server,
  type ServerParts,
} from "ropeway";
import { websocketTransport } from "ropeway/websocket";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { CableClient } from "../support/cable-client.ts";
import { startEmbedded } from "../support/embedded.ts";

/** The embedded server as its users get it: from the built package, by the names that it exports. */
describe("the library", () => {
  const undo: (() => unknown)[] = [];
  afterEach(async () => {
    for (const step of undo.splice(0).toReversed()) await step();
  });

  const identifier = JSON.stringify({ channel: "Chat", room: "1" });

  function chat(): { application: InProcessApplication; gone: string[] } {
    const gone: string[] = [];
    return {
      gone,
      application: {
        connect({ env }) {
          const name = new URL(env.url).searchParams.get("name");
          return name === null ? { status: "rejected" } : { status: "accepted", identifiers: name };
        },
        command({ command, connectionIdentifiers, data, istate }) {
          if (command === "subscribe") return { streams: ["chat/1"], istate: new Map([["since", "now"]]), messages: ["hello"] };
          if (command === "message") return { messages: [{ you: connectionIdentifiers, said: data, since: istate.get("since") }] };
          return undefined;
        },
        disconnect: ({ connectionIdentifiers, subscriptions }) => void gone.push(`${connectionIdentifiers}: ${subscriptions.join()}`),
      },
    };
  }

  async function start(http: HttpServer, parts: Partial<ServerParts> = {}): Promise<{ server: Server; url: string }> {
    const embedded = await startEmbedded(parts, http);
    undo.push(() => embedded.stop());
    return embedded;
  }

  const hosts: Record<string, () => Promise<HttpServer>> = {
    "node:http": async () => createHttpServer((_request, response) => response.end("page")),
    express: async () => createHttpServer(express().get("/", (_request, response) => void response.send("page"))),
    fastify: async () => {
      const app = fastify();
      app.get("/", async () => "page");
      await app.ready();
      return app.server;
    },
    hono: async () => createAdaptorServer(new Hono().get("/", (context) => context.text("page"))) as HttpServer,
  };

  it.each(Object.keys(hosts))("serves clients on an HTTP server of %s, which goes on answering requests", async (name) => {
    const http = await hosts[name]!();
    const { application, gone } = chat();
    const { server, url } = await start(http, { controller: inProcessController(application) });
    const client = await CableClient.connect(`${url}?name=ann`);
    expect(await client.subscribe(identifier)).toEqual({ type: "confirm_subscription", identifier });
    expect(await client.next()).toEqual({ identifier, message: "hello" });
    client.say({ command: "message", identifier, data: "hi" });
    expect(await client.next()).toEqual({ identifier, message: { you: "ann", said: "hi", since: "now" } });
    await server.publish("chat/1", { text: "news" });
    expect(await client.next()).toEqual({ identifier, message: { text: "news" } });
    expect(await (await fetch(url.replace("ws:", "http:").replace("/cable", "/"))).text()).toBe("page");
    await client.close();
    await expect.poll(() => gone).toEqual([`ann: ${identifier}`]);
  });

  it("refuses whom the application refuses", async () => {
    const { application } = chat();
    const { url } = await start(createHttpServer(), { controller: inProcessController(application) });
    const client = new CableClient(url);
    expect(await client.next()).toEqual({ type: "disconnect", reason: "unauthorized", reconnect: false });
    expect((await client.ended).code).toBe(1000);
  });

  it("disconnects by identifiers", async () => {
    const { application } = chat();
    const { server, url } = await start(createHttpServer(), { controller: inProcessController(application) });
    const clients = [await CableClient.connect(`${url}?name=ann`), await CableClient.connect(`${url}?name=ann`)];
    await server.disconnect("ann", { reconnect: true });
    for (const client of clients) expect(await client.next()).toEqual({ type: "disconnect", reason: "remote", reconnect: true });
  });

  it("leaves upgrades to other paths to whoever else listens for them", async () => {
    const http = createHttpServer();
    http.on("upgrade", (request, socket) => {
      if (request.url === "/hmr") socket.end("HTTP/1.1 418 I'm a teapot\r\nConnection: close\r\n\r\n");
    });
    const { application } = chat();
    const { url } = await start(http, { controller: inProcessController(application) });
    const other = new WebSocket(url.replace("/cable", "/hmr"));
    const status = await new Promise((resolve) => other.on("unexpected-response", (_request, { statusCode }) => resolve(statusCode)));
    expect(status).toBe(418);
    await CableClient.connect(`${url}?name=ann`);
  });

  it("starts and stops the parts that want it, whoever they are", async () => {
    const told: string[] = [];
    const life = (name: string) => ({
      start: async () => void told.push(`${name} starts`),
      stop: async () => void told.push(`${name} stops`),
    });
    const identity: Identity = { identify: (_handshake, sid) => ({ status: "accepted", identifiers: sid }), ...life("identity") };
    const controller: Controller = { ...inProcessController({ command: () => undefined }), ...life("controller") };
    const { server, url } = await start(createHttpServer(), { identities: [identity], controller });
    await CableClient.connect(url);
    await server.stop();
    expect(told).toEqual(["identity starts", "controller starts", "controller stops", "identity stops"]);
  });

  it("limits what an address may do, as far as it is told to", async () => {
    const { application } = chat();
    const { server, url } = await start(createHttpServer(), {
      controller: inProcessController(application),
      addressLimits: { connections: 1 },
    });
    const first = await CableClient.connect(`${url}?name=ann`);
    const second = new WebSocket(url);
    const status = await new Promise((resolve) => second.on("unexpected-response", (_request, { statusCode }) => resolve(statusCode)));
    expect(status).toBe(429);
    expect(server.metrics.counters.limited_connects_total).toBe(1);
    await first.close();
    await expect.poll(() => server.metrics.gauges.clients_num?.()).toBe(0);
    await CableClient.connect(`${url}?name=ann`);
  });

  it("lets several servers live in one process, and on one HTTP server, without hearing each other", async () => {
    const http = createHttpServer();
    const [one, other] = [chat(), chat()];
    const first = await start(http, { controller: inProcessController(one.application) });
    const second = createServer({
      transports: [websocketTransport({ paths: ["/second"] })],
      controller: inProcessController(other.application),
    });
    second.attach(http);
    await second.start();
    undo.push(() => second.stop());
    const here = await CableClient.connect(`${first.url}?name=ann`);
    const there = await CableClient.connect(`${first.url.replace("/cable", "/second")}?name=bob`);
    for (const client of [here, there]) {
      await client.subscribe(identifier);
      await client.next();
    }
    await first.server.publish("chat/1", 1);
    await second.publish("chat/1", 2);
    expect(await here.sync()).toEqual([{ identifier, message: 1 }]);
    expect(await there.sync()).toEqual([{ identifier, message: 2 }]);
    expect([first.server.metrics.counters.publications_total, second.metrics.counters.broadcast_msg_total]).toEqual([0, 1]);
  });

  it("says goodbye when it stops, and leaves the HTTP server running", async () => {
    const http = createHttpServer((_request, response) => response.end("page"));
    const { application, gone } = chat();
    const { server, url } = await start(http, { controller: inProcessController(application) });
    const client = await CableClient.connect(`${url}?name=ann`);
    await server.stop();
    expect(await client.next()).toEqual({ type: "disconnect", reason: "server_restart", reconnect: true });
    expect((await client.ended).code).toBe(1001);
    expect(gone).toEqual(["ann: "]);
    expect(await (await fetch(url.replace("ws:", "http:"))).text()).toBe("page");
    expect(http.listenerCount("upgrade")).toBe(0);
  });
});
