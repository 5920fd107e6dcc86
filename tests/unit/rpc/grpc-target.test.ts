import { describe, expect, it } from "vitest";
import { hostOf, parseGrpcTarget } from "../../../src/rpc/grpc-target.ts";

describe("parseGrpcTarget", () => {
  it.each([
    ["localhost:50051", [{ scheme: "dns", path: "localhost:50051" }]],
    ["rpc.internal", [{ scheme: "dns", path: "rpc.internal" }]],
    ["[::1]:50051", [{ scheme: "dns", path: "[::1]:50051" }]],
    ["::1", [{ scheme: "dns", path: "::1" }]],
    ["dns:///rpc:1", [{ scheme: "dns", path: "rpc:1" }]],
    ["dns://192.0.2.53/rpc:1", [{ scheme: "dns", authority: "192.0.2.53", path: "rpc:1" }]],
    ["ipv6:[::1]:1", [{ scheme: "ipv6", path: "[::1]:1" }]],
    ["unix:rpc.sock", [{ scheme: "unix", path: "rpc.sock" }]],
    ["unix:/run/rpc.sock", [{ scheme: "unix", path: "/run/rpc.sock" }]],
    ["unix:///run/rpc.sock", [{ scheme: "unix", path: "/run/rpc.sock" }]],
    [
      "grpc-list://10.0.0.1:1, rpc-2:2,dns:///rpc-3:3,",
      [
        { scheme: "dns", path: "10.0.0.1:1" },
        { scheme: "dns", path: "rpc-2:2" },
        { scheme: "dns", path: "rpc-3:3" },
      ],
    ],
    ["grpc-list:a:1", [{ scheme: "dns", path: "a:1" }]],
    ["grpc-list:///a:1", [{ scheme: "dns", path: "a:1" }]],
  ])("reads %s", (text, members) => {
    expect(parseGrpcTarget(text)).toEqual(members);
  });

  it("names the member that is wrong, and shows the whole", () => {
    expect(() => parseGrpcTarget("grpc-list://a:1,b:99999")).toThrow(
      'rpc_host: "b:99999" in "grpc-list://a:1,b:99999" is not the address of a gRPC server',
    );
  });

  it.each([
    ["rpc.internal:50051", "rpc.internal"],
    ["[2001:db8::1]:50051", "2001:db8::1"],
    ["2001:db8::1", "2001:db8::1"],
    ["unix:/run/rpc.sock", "localhost"],
  ])("knows the host of %s", (text, host) => {
    expect(hostOf(parseGrpcTarget(text)[0]!)).toBe(host);
  });
});
