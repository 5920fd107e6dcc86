import { describe, expect, it } from "vitest";
import { readNatsAddress } from "../../../src/nats/address.ts";

const at = (host: string, port = 4222, more: object = {}): object => ({ host, port, isTls: false, login: undefined, ...more });

describe("an address of NATS", () => {
  it.each([
    [["nats://host"], [at("host")]],
    [["host"], [at("host")]],
    [["host:1234"], [at("host", 1234)]],
    [["nats://[::1]:1234"], [at("::1", 1234)]],
    [["NATS://host/"], [at("host")]],
    [["nats://user:p%40ss@host"], [at("host", 4222, { login: { user: "user", password: "p@ss" } })]],
    [["nats://t%25ken@host"], [at("host", 4222, { login: { token: "t%ken" } })]],
    [["a, nats://b:1,,"], [at("a"), at("b", 1)]],
    [
      ["a", "tls://b"],
      [at("a", 4222, { isTls: true }), at("b", 4222, { isTls: true })],
    ],
    [
      ["a", "token@b", "u:p@c", "d"],
      [
        at("a", 4222, { login: { token: "token" } }),
        at("b", 4222, { login: { token: "token" } }),
        at("c", 4222, { login: { user: "u", password: "p" } }),
        at("d", 4222, { login: { token: "token" } }),
      ],
    ],
  ])("is read from %j", (texts, servers) => {
    expect(readNatsAddress(texts)).toMatchObject({ servers });
  });

  it("is shown without credentials", () => {
    expect(readNatsAddress(["nats://u:p@a,tls://token@[::1]:1"])).toMatchObject({ display: "tls://a:4222,tls://[::1]:1" });
  });

  it.each([
    [[], "names no server"],
    [[" , "], "names no server"],
    [["ws://host"], 'has the scheme "ws"; nats:// and tls:// are known'],
    [["pass://wo rd@host"], 'has the scheme "pass"; nats:// and tls:// are known'],
    [["sec ret://x@host"], "has an unknown scheme; nats:// and tls:// are known"],
    [["nats://host:x"], "has what is no URL such as nats://user:password@host:4222; odd characters in a password are written like %23"],
    [["nats://%zz@host"], "has a stray %; write it as %25"],
  ])("is not to be had from %j", (texts, problem) => {
    expect(readNatsAddress(texts)).toEqual({ problem });
  });
});
