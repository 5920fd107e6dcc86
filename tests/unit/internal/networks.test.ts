import { describe, expect, it } from "vitest";
import { isNetwork, networks, plainAddress } from "../../../src/internal/networks.ts";

describe("networks", () => {
  it.each([
    [["10.1.2.3"], "10.1.2.3", true],
    [["10.1.2.3"], "10.1.2.4", false],
    [["10.1.2.3/8"], "10.255.0.1", true],
    [["10.0.0.0/31"], "10.0.0.2", false],
    [["0.0.0.0/0"], "203.0.113.9", true],
    [["0.0.0.0/0"], "2001:db8::1", false],
    [["2001:db8::/32"], "2001:db8:ffff::1", true],
    [["2001:db8::/32"], "2001:db9::1", false],
    [["::1"], "0:0:0:0:0:0:0:1", true],
    [["loopback"], "127.9.9.9", true],
    [["loopback"], "::1", true],
    [["loopback"], "10.0.0.1", false],
    [["private"], "172.31.255.255", true],
    [["private"], "172.32.0.0", false],
    [["private"], "192.168.1.1", true],
    [["private"], "fdab::1", true],
    [["private"], "127.0.0.1", false],
    [["192.0.2.1", "private"], "10.0.0.1", true],
    [[], "127.0.0.1", false],
    [["private"], "", false],
    [["private"], "10.0.0.1.example.com", false],
  ])("%j has %s: %s", (texts, address, expected) => expect(networks(texts)(address)).toBe(expected));
});

describe("a network", () => {
  it.each(["10.0.0.1", "10.0.0.0/0", "10.0.0.0/32", "::/0", "::1/128", "loopback", "private"])("can be %j", (text) =>
    expect(isNetwork(text)).toBe(true),
  );

  it.each([
    "",
    "10.0.0",
    "10.0.0.0/33",
    "::/129",
    "10.0.0.0/",
    "10.0.0.0/8/8",
    "10.0.0.0/-1",
    "10.0.0.0/1e1",
    "public",
    "constructor",
    "localhost",
    "fe80::1%eth0",
    "[::1]",
  ])("can't be %j", (text) => expect(isNetwork(text)).toBe(false));
});

describe("plainAddress", () => {
  it.each([
    ["::ffff:10.0.0.1", "10.0.0.1"],
    ["::FFFF:10.0.0.1", "10.0.0.1"],
    ["10.0.0.1", "10.0.0.1"],
    ["fe80::1%eth0", "fe80::1"],
    ["::1", "::1"],
    ["", ""],
  ])("makes %j %j", (address, expected) => expect(plainAddress(address)).toBe(expected));
});
