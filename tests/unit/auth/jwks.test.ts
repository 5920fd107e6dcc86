import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { IdentityAnswer } from "../../../src/auth/identity.ts";
import { jwks, type Jwks } from "../../../src/auth/jwks.ts";
import { secretKey } from "../../../src/auth/jwt-keys.ts";
import { jwtIdentity } from "../../../src/auth/jwt.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { handshakeOf } from "../../support/handshake.ts";
import { keyPair, startJwksServer, type JwksServer } from "../../support/jwks-server.ts";
import { recordedLog } from "../../support/recorded-log.ts";
import { settle } from "../../support/settle.ts";
import { forged, signed } from "../../support/tokens.ts";

type Pair = Awaited<ReturnType<typeof keyPair>>;

const accepted = { status: "accepted", identifiers: "{}", isProven: true };
const wrong = { status: "rejected", reason: "unauthorized", why: "wrong signature" };
const unavailable = { status: "unavailable", why: expect.any(String) };
const intervalMs = 300_000;

/** A clock that shows what is waited for: the time limit of a reading, or the next one. */
class WatchedClock extends FakeClock {
  readonly waits: number[] = [];

  override after(delayMs: number, task: () => void): { cancel(): void } {
    this.waits.push(delayMs);
    const end = (): void => {
      const at = this.waits.indexOf(delayMs);
      if (at !== -1) this.waits.splice(at, 1);
    };
    const timer = super.after(delayMs, () => {
      end();
      task();
    });
    return {
      cancel() {
        end();
        timer.cancel();
      },
    };
  }
}

let first: Pair;
let second: Pair;
let nameless: Pair;
let clock: WatchedClock;
let log: ReturnType<typeof recordedLog>;
let server: JwksServer;
let keys: Jwks;

beforeAll(async () => {
  [first, second, nameless] = await Promise.all([keyPair("ES256", "first"), keyPair("RS256", "second"), keyPair("EdDSA")]);
});

beforeEach(async () => {
  clock = new WatchedClock();
  log = recordedLog();
  server = await startJwksServer();
  keys = open(server.url);
});

afterEach(async () => {
  await keys.stop();
  await server.stop();
});

function open(location: string): Jwks {
  return jwks({ location, refreshIntervalMs: intervalMs, clock, logger: log.logger, random: () => 0 });
}

function tokenBy(
  { alg, privateKey, jwk }: Pair,
  header: { kid?: string } = jwk.kid === undefined ? {} : { kid: jwk.kid },
): Promise<string> {
  return signed({ ext: "{}" }, privateKey, { alg, ...header });
}

async function judged(token: string): Promise<IdentityAnswer> {
  const identity = jwtIdentity({ param: "jid", isEnforced: true, keys: [secretKey("own")], source: keys, clock });
  return identity.identify(handshakeOf({ headers: { "x-jid": token } }), "sid");
}

/** Waits until a reading is over and the next one is planned in so many milliseconds. */
async function planned(delayMs: number): Promise<void> {
  await expect.poll(() => clock.waits).toEqual([delayMs]);
}

async function startWith(...pairs: readonly Pair[]): Promise<void> {
  server.publish(...pairs.map(({ jwk }) => jwk));
  await keys.start();
  await planned(intervalMs);
}

describe("keys of a URL", () => {
  it("verify tokens, each with its own, named or not", async () => {
    await startWith(first, second, nameless);
    for (const pair of [first, second, nameless]) expect(await judged(await tokenBy(pair)), pair.alg).toEqual(accepted);
    expect(await judged(await tokenBy(first, {}))).toEqual(accepted);
    expect(await judged(await tokenBy(nameless, { kid: "any" }))).toEqual(accepted);
    expect(await judged(await signed({ ext: "{}" }, "own"))).toEqual(accepted);
    expect(server.requests).toEqual([{ accept: expect.stringContaining("application/jwk-set+json") }]);
    expect(log.lines).toEqual([{ level: "info", message: "JWKS read", fields: { jwks: server.url, keys: 3 } }]);
    expect(keys.state()).toEqual({ isCurrent: true, sinceMs: 0, detail: `${server.url} (keys: 3)` });
  });

  it("refuse tokens that name a key and are not its own, without asking anew", async () => {
    await startWith(first, second);
    const other = await keyPair("ES256", "first");
    clock.advance(60_000);
    expect(await judged(await tokenBy(other))).toEqual(wrong);
    expect(server.requests).toHaveLength(1);
  });

  it("are not asked for tokens that no public key can verify", async () => {
    await startWith(first);
    clock.advance(60_000);
    for (const alg of ["none", "HS256", "ES256K", "nonsense"]) {
      expect(await judged(forged({ alg, kid: "new" }, { ext: "{}" }, "AAAA"))).toMatchObject({ status: "rejected" });
    }
    expect(server.requests).toHaveLength(1);
  });

  it("are waited for when the first client comes before they do", async () => {
    let answer = (): void => {};
    server.answer((response) => (answer = () => response.end(JSON.stringify({ keys: [first.jwk] }))));
    await keys.start();
    const early = judged(await tokenBy(first));
    await expect.poll(() => server.requests.length).toBe(1);
    answer();
    expect(await early).toEqual(accepted);
  });

  it("are read again at every interval: a key that is gone is trusted no longer", async () => {
    await startWith(first, second);
    server.publish(second.jwk);
    clock.advance(intervalMs - 1);
    expect(await judged(await tokenBy(first))).toEqual(accepted);
    clock.advance(1);
    await expect.poll(() => server.requests.length).toBe(2);
    await planned(intervalMs);
    expect(await judged(await tokenBy(second))).toEqual(accepted);
    clock.advance(10_000);
    expect(await judged(await tokenBy(first))).toMatchObject({ status: "rejected", reason: "unauthorized" });
    expect(log.messages()).toEqual(["JWKS read", "JWKS read"]);
  });

  it("are read again for a token with an unknown key, once for all who bring one", async () => {
    await startWith(first);
    server.publish(first.jwk, second.jwk);
    clock.advance(10_000);
    const token = await tokenBy(second);
    expect(await Promise.all(Array.from({ length: 50 }, () => judged(token)))).toEqual(Array.from({ length: 50 }, () => accepted));
    expect(server.requests).toHaveLength(2);
  });

  it("are read again for a nameless token that no known key has signed", async () => {
    await startWith(first);
    const next = await keyPair("ES256");
    server.publish(next.jwk);
    clock.advance(10_000);
    expect(await judged(await tokenBy(next))).toEqual(accepted);
    expect(server.requests).toHaveLength(2);
  });

  it("are not read at the pleasure of whoever invents keys; within ten seconds nobody is told that his key is none", async () => {
    await startWith(first);
    const invented = await keyPair("ES256", "invented");
    const token = await tokenBy(invented);
    for (let at = 0; at < 5; at++) expect(await judged(token)).toEqual(unavailable);
    expect(server.requests).toHaveLength(1);
    clock.advance(10_000);
    expect(await judged(token)).toMatchObject({ status: "rejected", why: "no known key has signed it" });
    expect(await judged(token)).toEqual(unavailable);
    expect(server.requests).toHaveLength(2);
    expect(await judged(await tokenBy(first))).toEqual(accepted);
  });
});

describe("a host that is away", () => {
  it("changes nothing for known keys; it is asked again with growing patience, and the log says it once", async () => {
    await startWith(first);
    await server.stop();
    clock.advance(intervalMs);
    for (const waitMs of [250, 500, 1_000, 2_000, 4_000, 5_000, 5_000]) {
      await planned(waitMs);
      clock.advance(waitMs);
    }
    expect(await judged(await tokenBy(first))).toEqual(accepted);
    expect(keys.state()).toMatchObject({ isCurrent: false, sinceMs: intervalMs });
    expect(log.messages()).toEqual(["JWKS read", "JWKS can't be read: the last known keys stay in use"]);

    await server.restart();
    await expect.poll(() => (clock.advance(5_000), keys.state().isCurrent)).toBe(true);
    expect(log.messages()).toEqual(["JWKS read", "JWKS can't be read: the last known keys stay in use", "JWKS is back"]);
    await server.stop();
    clock.advance(intervalMs);
    await expect.poll(() => log.lines.length).toBe(4);
  });

  it("leaves the judgement of unknown keys open", async () => {
    await startWith(first);
    await server.stop();
    clock.advance(intervalMs);
    await expect.poll(() => keys.state().isCurrent).toBe(false);
    expect(await judged(await tokenBy(second))).toEqual(unavailable);
  });

  it("from the beginning leaves every judgement open, until it is there", async () => {
    server.publish(first.jwk);
    await server.stop();
    await keys.start();
    const token = await tokenBy(first);
    expect(await judged(token)).toEqual(unavailable);
    expect(await judged(await signed({ ext: "{}" }, "own"))).toEqual(accepted);
    expect(log.messages()).toEqual(["JWKS can't be read: no token that needs it can be verified"]);
    expect(log.lines[0]!.fields).toEqual({ jwks: server.url, error: expect.stringContaining("ECONNREFUSED") });
    await server.restart();
    await expect.poll(() => (clock.advance(5_000), keys.state().isCurrent)).toBe(true);
    expect(await judged(token)).toEqual(accepted);
    expect(log.messages()[1]).toBe("JWKS read");
  });

  it("and only hangs is given up after three seconds", async () => {
    server.answer(() => {});
    await keys.start();
    const waiting = judged(await tokenBy(first));
    await expect.poll(() => server.requests.length).toBe(1);
    clock.advance(3_000);
    expect(await waiting).toEqual(unavailable);
    expect(log.lines[0]!.fields["error"]).toBe("no answer within 3000 ms");
  });

  it("in the middle of its answer is given up after three seconds", async () => {
    server.answer((response) => response.write('{"keys":['));
    await keys.start();
    const waiting = judged(await tokenBy(first));
    await expect.poll(() => server.requests.length).toBe(1);
    await settle();
    clock.advance(3_000);
    expect(await waiting).toEqual(unavailable);
  });

  it.each([
    ["a status", "it answered with status 500", (server: JwksServer) => server.answer((response) => response.writeHead(500).end("{}"))],
    ["a redirect", "status 302", (server: JwksServer) => server.answer((response) => response.writeHead(302, { location: "/x" }).end())],
    ["no content", "status 204", (server: JwksServer) => server.answer((response) => response.writeHead(204).end())],
    ["garbage", "it is not JSON", (server: JwksServer) => server.answer((response) => response.end("<html>s3cr3t"))],
    ["something else", "it is no JWK Set", (server: JwksServer) => server.answer((response) => response.end('{"keys":{}}'))],
    ["null", "it is no JWK Set", (server: JwksServer) => server.answer((response) => response.end("null"))],
    ["no keys", "it has no public key", (server: JwksServer) => server.publish()],
    ["a secret", "it has no public key", (server: JwksServer) => server.publish({ kty: "oct", k: "b3du", kid: "first", alg: "HS256" })],
    ["no end", "more than 1048576 bytes", (server: JwksServer) => server.answer((response) => response.end("x".repeat(2 * 1024 * 1024)))],
  ])("and answers with %s is as good as away: known keys stay", async (_what, problem, breakIt) => {
    await startWith(first);
    breakIt(server);
    clock.advance(intervalMs);
    await planned(250);
    expect(await judged(await tokenBy(first))).toEqual(accepted);
    expect(log.messages()).toEqual(["JWKS read", "JWKS can't be read: the last known keys stay in use"]);
    expect(log.lines[1]!.fields["error"]).toContain(problem);
    expect(JSON.stringify(log.lines)).not.toContain("s3cr3t");
  });

  it("is not waited for at the end", async () => {
    server.answer(() => {});
    await keys.start();
    await expect.poll(() => server.requests.length).toBe(1);
    await keys.stop();
    expect(clock.pending).toBe(0);
    expect(log.lines).toEqual([]);
  });
});

it("names its place without query", async () => {
  await keys.stop();
  keys = open(`${server.url}?key=s3cr3t`);
  await startWith(first);
  await server.stop();
  clock.advance(intervalMs);
  await expect.poll(() => log.lines.length).toBe(2);
  expect(JSON.stringify([log.lines, keys.state()])).not.toContain("s3cr3t");
});

describe("keys of a file", () => {
  let folder: string;
  let path: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "ropeway-jwks-"));
    path = join(folder, "keys.json");
    keys = open(path);
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  const write = (...pairs: readonly Pair[]): void => writeFileSync(path, JSON.stringify({ keys: pairs.map(({ jwk }) => jwk) }));

  it("are there at the start, and follow the file", async () => {
    write(first);
    await keys.start();
    expect(await judged(await tokenBy(first))).toEqual(accepted);
    write(second);
    clock.advance(10_000);
    expect(await judged(await tokenBy(second))).toEqual(accepted);
    rmSync(path);
    clock.advance(intervalMs);
    await expect.poll(() => keys.state().isCurrent).toBe(false);
    expect(await judged(await tokenBy(second))).toEqual(accepted);
    expect(log.lines.at(-1)).toMatchObject({ level: "warn", fields: { error: expect.stringContaining("ENOENT") } });
  });

  it.each([
    ["is not there", undefined, "ENOENT"],
    ["is no JSON", "s3cr3t", "it is not JSON"],
    ["has no key", '{"keys":[]}', "it has no public key"],
  ])("stop the start when the file %s", async (_what, text, problem) => {
    if (text !== undefined) writeFileSync(path, text);
    await expect(keys.start()).rejects.toThrow(
      expect.objectContaining({ code: "config.unreadable_file", message: expect.stringContaining(problem) }),
    );
    expect(clock.pending).toBe(0);
    expect(log.lines).toEqual([]);
  });
});
