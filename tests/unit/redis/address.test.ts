import { describe, expect, it } from "vitest";
import { placeOf, readRedisAddress, redisAddress, type RedisAddress } from "../../../src/redis/address.ts";

function address(url: string, ...sentinels: readonly string[]): RedisAddress {
  return redisAddress({ url, sentinels });
}

/** `user:password@place`, with a `!` in front where it is TLS. */
function shown(...text: Parameters<typeof address>): readonly string[] {
  const read = address(...text);
  return (read.kind === "servers" ? read.servers : read.sentinels).map(
    (one) => `${one.isTls ? "!" : ""}${one.username ?? ""}:${one.password ?? ""}@${placeOf(one)}`,
  );
}

describe("one server", () => {
  it.each([
    ["redis://cache", ":@cache:6379"],
    ["cache", ":@cache:6379"],
    ["cache:6380", ":@cache:6380"],
    ["  redis://cache/  ", ":@cache:6379"],
    ["cache_1.internal:6380/", ":@cache_1.internal:6380"],
    ["REDISS://cache", "!:@cache:6379"],
    ["valkey://cache", ":@cache:6379"],
    ["valkeys://user:p%40ss@cache/3", "!user:p@ss@cache:6379"],
    ["redis://:pw@[::1]:6380/0", ":pw@[::1]:6380"],
    ["redis://user@cache", "user:@cache:6379"],
    ["rediss://default:a%2Cb%2Fc%23@10.0.0.1:6380?client_name=x&skip_verify=true", "!default:a,b/c#@10.0.0.1:6380"],
    ["unix:///run/redis.sock", ":@/run/redis.sock"],
    ["unix:/run/redis.sock", ":@/run/redis.sock"],
    ["unix://user:p%2Fw@/run/redis.sock?db=2", "user:p/w@/run/redis.sock"],
    ["unix://:pw@/run/my%20redis.sock", ":pw@/run/my redis.sock"],
    ["redis+unix:///run/redis.sock", ":@/run/redis.sock"],
    ["/run/redis.sock", ":@/run/redis.sock"],
  ])("%s", (url, expected) => {
    expect(shown(url)).toEqual([expected]);
  });

  it.each([
    ["redis://cache", 0],
    ["redis://cache/", 0],
    ["redis://cache/5", 5],
    ["cache/5/", 5],
    ["redis://cache/5?db=7", 7],
    ["unix:///run/redis.sock?db=2", 2],
    ["/run/redis.sock", 0],
    ["redis://a/4,redis://b/6", 4],
  ])("%s has the database %d", (url, database) => {
    expect(address(url).database).toBe(database);
  });
});

describe("a list", () => {
  it("takes login and TLS from its first URL, but for members with a login of their own", () => {
    expect(shown("rediss://user:pw@a:1, b:2 ,redis://own@c:3,,redis://:other@d")).toEqual([
      "!user:pw@a:1",
      "!user:pw@b:2",
      "!own:@c:3",
      "!:other@d:6379",
    ]);
    expect(shown("redis://:pw@a:1?addr=b:2&addr=c")).toEqual([":pw@a:1", ":pw@b:2", ":pw@c:6379"]);
  });

  it("is shown without credentials", () => {
    expect(address("rediss://user:pw@a:1,b:2").display).toBe("rediss://a:1,rediss://b:2");
    expect(address("unix://user:pw@/run/redis.sock").display).toBe("unix:///run/redis.sock");
  });
});

describe("sentinels", () => {
  it("have their own login, and the first one's is for those without", () => {
    const read = address("redis://user:pw@my-master/5", ":s1@a:1", "b", "su:s2@c:3");
    expect(read).toMatchObject({
      kind: "sentinels",
      masterName: "my-master",
      master: { username: "user", password: "pw", isTls: false },
      database: 5,
      display: "my-master of the sentinels a:1, b:26379, c:3",
    });
    expect(shown("redis://user:pw@my-master/5", ":s1@a:1", "b", "su:s2@c:3")).toEqual([":s1@a:1", ":s1@b:26379", "su:s2@c:3"]);
  });

  it.each([
    ["mymaster", "mymaster"],
    ["redis://My_Master:6379", "My_Master"],
    ["redis://my%20master/1", "my master"],
  ])("know the master of %s as %s", (url, masterName) => {
    expect(address(url, "a:1")).toMatchObject({ masterName });
  });

  it.each([
    ["redis://m", "a:1", false, false],
    ["rediss://m", "a:1", true, false],
    ["rediss://m", "rediss://a:1", true, true],
    // As in AnyCable, where redis_sentinels decides about the master.
    ["redis://m", "rediss://a:1", true, false],
  ])("%s with %s: TLS to the master %s, to sentinels %s", (url, sentinel, toMaster, toSentinels) => {
    expect(address(url, sentinel)).toMatchObject({ master: { isTls: toMaster }, sentinels: [{ isTls: toSentinels }] });
  });

  it("may stand in the URL, as in AnyCable's library", () => {
    expect(shown("redis://user:pw@a:1/2?master_set=m&addr=b:2")).toEqual([":@a:1", ":@b:2"]);
    expect(address("redis://user:pw@a:1/2?master_set=m")).toMatchObject({
      masterName: "m",
      master: { username: "user", password: "pw" },
      database: 2,
    });
  });
});

describe("what is no address", () => {
  it.each([
    ["", /is empty/],
    [" , ", /is empty/],
    ["http://:s3cret@localhost", /has the scheme "http"; redis:\/\/, rediss:\/\/ \(TLS\) and unix:\/\/ are known/],
    ["s3cret pass:word@host://x", /has an unknown scheme/],
    ["redis://", /is no URL/],
    ["redis://:s3cret@", /is no URL/],
    ["redis://:s3cret@host:99999", /is no URL/],
    ["redis://:s3cret#@host", /is no URL|names/],
    ["redis://:s3%cret@host", /has a stray %/],
    ["redis://host/s3cret", /names a database that is no number/],
    ["redis://host/1/2", /names a database/],
    ["redis://host?db=s3cret", /names a database/],
    ["redis://host?addr=s3cret:port", /has an addr that is no host:port/],
    ["redis://a,http://b", /has the scheme "http"/],
    ["unix://", /names no absolute path/],
    ["unix://:s3cret@relative.sock", /names no absolute path/],
  ])("redis_url %j", (url, problem) => {
    const read = readRedisAddress({ url });
    expect(read).toMatchObject({ option: "redis_url", problem: expect.stringMatching(problem) });
    expect(JSON.stringify(read)).not.toMatch(/s3/);
    expect(() => redisAddress({ url })).toThrow(/^The option redis_url /);
  });

  it.each([
    ["http://:s3cret@a", /has the scheme/],
    [":s3%cret@a", /has a stray %/],
    ["a:s3cret", /is no URL/],
  ])("redis_sentinels %j", (sentinel, problem) => {
    const read = readRedisAddress({ url: "m", sentinels: ["b:1", sentinel] });
    expect(read).toMatchObject({ option: "redis_sentinels", problem: expect.stringMatching(problem) });
    expect(JSON.stringify(read)).not.toMatch(/s3/);
  });

  it("a socket as the name of a master", () => {
    expect(readRedisAddress({ url: "/run/redis.sock", sentinels: ["a:1"] })).toMatchObject({
      option: "redis_url",
      problem: expect.stringMatching(/names no master/),
    });
  });
});
