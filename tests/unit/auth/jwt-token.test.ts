import { describe, expect, it } from "vitest";
import { tokenInHeaders, tokenOf } from "../../../src/auth/jwt-token.ts";
import { handshakeOf } from "../../support/handshake.ts";

const protocols = (list: string): Readonly<Record<string, string>> => ({ "sec-websocket-protocol": list });

describe("the token", () => {
  it.each([
    ["is nowhere", {}, undefined],
    ["is in the header", { headers: { "x-jid": "h" } }, "h"],
    ["is in the query", { query: "?a=1&jid=q&b=2" }, "q"],
    ["is a subprotocol", { headers: protocols("actioncable-v1-json, anycable-token.p") }, "p"],
    ["is the first of several subprotocols", { headers: protocols("anycable-token.p,actioncable-v1-json,anycable-token.r") }, "p"],
    ["is the first of several in the query", { query: "?jid=first&jid=last" }, "first"],
    ["is in the header rather than a subprotocol", { headers: { "x-jid": "h", ...protocols("anycable-token.p") } }, "h"],
    ["is in the header rather than the query", { headers: { "x-jid": "h" }, query: "?jid=q" }, "h"],
    ["is a subprotocol rather than in the query", { headers: protocols("anycable-token.p"), query: "?jid=q" }, "p"],
    ["is a subprotocol when the header is empty", { headers: { "x-jid": "", ...protocols("anycable-token.p") }, query: "?jid=q" }, "p"],
    ["is in the query when the others are empty", { headers: { "x-jid": "", ...protocols("anycable-token.") }, query: "?jid=q" }, "q"],
    ["is nowhere when all are empty", { headers: { "x-jid": "", ...protocols("anycable-token.") }, query: "?jid=&jid=q" }, undefined],
    ["has dots and dashes", { headers: protocols("anycable-token.a.b-c_d.e") }, "a.b-c_d.e"],
    ["is decoded from the query", { query: "?jid=a%2Eb%3D" }, "a.b="],
    ["is not in a subprotocol that only has the word inside", { headers: protocols("x-anycable-token.p") }, undefined],
  ])("%s", (_what, request, expected) => {
    expect(tokenOf(handshakeOf(request), "jid")).toBe(expected);
  });

  it("goes by another name when it is told so, in any case", () => {
    expect(tokenOf(handshakeOf({ headers: { "x-authtoken": "h" } }), "AuthToken")).toBe("h");
    expect(tokenOf(handshakeOf({ query: "?AuthToken=q&jid=x" }), "AuthToken")).toBe("q");
    expect(tokenOf(handshakeOf({ query: "?authtoken=q", headers: { "x-jid": "h" } }), "AuthToken")).toBeUndefined();
  });

  it("that is in the query is not in the headers", () => {
    expect(tokenInHeaders(handshakeOf({ query: "?jid=q" }), "jid")).toBeUndefined();
  });
});
