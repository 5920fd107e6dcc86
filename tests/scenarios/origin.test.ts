import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { standalone, startRopeway, type Ropeway } from "../support/ropeway.ts";
import { askUpgrade } from "../support/upgrade-request.ts";

type Headers = Readonly<Record<string, string>>;

async function statusFor(ropeway: Ropeway, headers: Headers): Promise<number> {
  const { status, socket } = await askUpgrade(ropeway.cable, headers);
  socket.destroy();
  return status;
}

/** The log lines about refusals so far. */
function refusals(ropeway: Ropeway): readonly Readonly<Record<string, unknown>>[] {
  return ropeway.log.filter(({ msg }) => msg === "connection refused: origin");
}

describe("the Origin rule without a list", () => {
  let ropeway: Ropeway;

  beforeAll(async () => {
    ropeway = await startRopeway(standalone);
  });

  afterAll(async () => {
    await ropeway.stop();
  });

  const cookie = "session=s3cret";

  it.each<[string, Headers]>([
    ["a client that is no browser", { cookie }],
    ["another site's page without cookies", { origin: "https://evil.test", host: "app.example.com" }],
    ["a page without a site and without cookies", { origin: "null", host: "app.example.com" }],
    ["the server's own page", { origin: "https://app.example.com", host: "app.example.com", cookie }],
    ["a page of another port", { origin: "http://app.example.com:3000", host: "app.example.com:8080", cookie }],
    ["a page of another name of the site", { origin: "https://www.example.com", host: "cable.example.com", cookie }],
    [
      "a page of the site, seen through a proxy",
      { origin: "https://www.example.com", host: "10.0.0.7:8080", "x-forwarded-host": "example.com", cookie },
    ],
    [
      "a page of the last of several proxies",
      { origin: "https://www.example.com", host: "x.internal", "x-forwarded-host": "a.test, example.com", cookie },
    ],
    ["a page on this machine", { origin: "http://localhost:3000", host: "localhost:8080", cookie }],
  ])("lets in %s", async (_who, headers) => {
    expect(await statusFor(ropeway, headers)).toBe(101);
  });

  it.each<[string, Headers]>([
    ["another site's page with cookies", { origin: "https://evil.test", host: "app.example.com", cookie }],
    ["a page of a neighbour under a shared suffix", { origin: "https://evil.github.io", host: "app.github.io", cookie }],
    ["a page whose site ends like ours", { origin: "https://evilexample.com", host: "example.com", cookie }],
    ["a page without a site", { origin: "null", host: "app.example.com", cookie }],
    ["an Origin that is none", { origin: "app.example.com", host: "app.example.com", cookie }],
    [
      "another site's page, seen through a proxy",
      { origin: "https://evil.test", host: "127.0.0.1", "x-forwarded-host": "example.com", cookie },
    ],
  ])("refuses %s, and the log names the option", async (_who, headers) => {
    const before = refusals(ropeway).length;
    expect(await statusFor(ropeway, headers)).toBe(403);
    await expect.poll(() => refusals(ropeway).length).toBe(before + 1);
    expect(refusals(ropeway).at(-1)).toMatchObject({ level: "WARN", why: expect.stringContaining("allowed_origins") as string });
    expect(JSON.stringify(ropeway.log)).not.toContain("s3cret");
  });

  it("lets pages in with one warning when a proxy hides the public name", async () => {
    const warnings = (): number => ropeway.log.filter(({ msg }) => msg.includes("Set allowed_origins")).length;
    expect(warnings()).toBe(0);
    for (const host of ["10.0.0.7:8080", "[::1]:8080", "localhost"]) {
      expect(await statusFor(ropeway, { origin: "https://www.example.com", host, cookie })).toBe(101);
    }
    // A refusal after it, so that the log is known to be complete up to here.
    const before = refusals(ropeway).length;
    expect(await statusFor(ropeway, { origin: "https://evil.test", host: "example.com", cookie })).toBe(403);
    await expect.poll(() => refusals(ropeway).length).toBe(before + 1);
    expect(warnings()).toBe(1);
  });
});

describe("the Origin rule with a list", () => {
  let ropeway: Ropeway;

  beforeAll(async () => {
    // The comma at the end is a slip that people make.
    ropeway = await startRopeway([
      ...standalone,
      "--allowed_origins=WWW.example.com,*example.io,*.shop.test,localhost:3000,https://safe.test,",
    ]);
  });

  afterAll(async () => {
    await ropeway.stop();
  });

  it.each([
    "https://www.example.com",
    "http://WWW.EXAMPLE.COM",
    "https://example.io",
    "https://a.example.io",
    "https://a.b.example.io",
    "https://a.shop.test",
    "http://localhost:3000",
    "https://safe.test",
  ])("lets in %s, with and without cookies", async (origin) => {
    expect(await statusFor(ropeway, { origin, host: "cable.other.test" })).toBe(101);
    expect(await statusFor(ropeway, { origin, host: "cable.other.test", cookie: "a=b" })).toBe(101);
  });

  it.each([
    ["a site that is not in it", "https://example.com"],
    ["a host that only ends like one in it", "https://evilexample.io"],
    ["the name that a *. stands above", "https://shop.test"],
    ["another port", "http://localhost:3001"],
    ["another scheme than the one given", "http://safe.test"],
    ["a port where none is in the list", "https://www.example.com:8443"],
    ["no site at all", "null"],
    ["text that is no URL", "www.example.com"],
    ["an empty Origin", ""],
  ])("refuses %s, and the log names the option", async (_what, origin) => {
    const before = refusals(ropeway).length;
    // The server's own name makes no difference.
    expect(await statusFor(ropeway, { origin, host: "shop.test" })).toBe(403);
    await expect.poll(() => refusals(ropeway).length).toBe(before + 1);
    expect(refusals(ropeway).at(-1)).toMatchObject({ level: "WARN", why: expect.stringContaining("allowed_origins") as string });
  });

  it("refuses a client without Origin", async () => {
    expect(await statusFor(ropeway, {})).toBe(403);
    await expect.poll(() => refusals(ropeway).at(-1)?.["why"]).toMatch(/no Origin .*allowed_origins/);
  });

  it("lets everybody in when the list says so", async () => {
    const open = await startRopeway([...standalone, "--allowed_origins=*"]);
    onTestFinished(async () => void (await open.stop()));
    expect(await statusFor(open, { origin: "https://evil.test", host: "example.com", cookie: "a=b" })).toBe(101);
    expect(await statusFor(open, {})).toBe(101);
  });
});
