import { createPrivateKey } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { tlsFiles } from "../../../src/http/tls-files.ts";
import type { TlsCertificate, TlsPair } from "../../../src/http/tls-certificate.ts";
import type { Service } from "../../../src/lifecycle.ts";
import { eventually } from "../../support/eventually.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { recordedLog, type RecordedLog } from "../../support/recorded-log.ts";

const fixture = (name: string): string => readFileSync(new URL(`../../fixtures/certs/${name}`, import.meta.url), "utf8");
const pair = (name: string): TlsPair => ({ cert: fixture(`tls-${name}.pem`), key: fixture(`tls-${name}.key`) });
const [first, second] = [pair("first"), pair("second")];

let folder: string;
let clock: FakeClock;
let log: RecordedLog;
let files: (TlsCertificate & Service) | undefined;
const at = (name: string): string => join(folder, name);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ropeway-tls-"));
  clock = new FakeClock(Date.UTC(2100, 0));
  log = recordedLog();
});
afterEach(async () => {
  await files?.stop?.(AbortSignal.abort());
  files = undefined;
  rmSync(folder, { recursive: true });
});

function open(certPath = at("cert.pem"), keyPath = at("key.pem")): TlsCertificate & Service {
  return tlsFiles({ certPath, keyPath, clock, logger: log.logger });
}

function write({ cert, key }: Partial<TlsPair>): void {
  if (cert !== undefined) writeFileSync(at("cert.pem"), cert);
  if (key !== undefined) writeFileSync(at("key.pem"), key);
}

describe("at the start", () => {
  it("are read, and the log tells which certificate it is", () => {
    write(first);
    expect(open().pair).toEqual(first);
    expect(log.lines).toEqual([
      {
        level: "info",
        message: "TLS certificate loaded",
        fields: {
          names: "DNS:localhost, DNS:cable.test, IP Address:127.0.0.1",
          valid_to: expect.stringMatching(/ 21\d\d GMT$/) as string,
          sha256: expect.stringMatching(/^(?:[0-9A-F]{2}:){31}[0-9A-F]{2}$/) as string,
        },
      },
    ]);
  });

  it("may be one file", () => {
    writeFileSync(at("both.pem"), first.key + first.cert);
    expect(open(at("both.pem"), at("both.pem")).pair.cert).toContain(first.cert);
  });

  it("are used although the certificate has expired, with a warning", () => {
    write(pair("expired"));
    open();
    expect(log.messages()).toEqual(["TLS certificate loaded", "The TLS certificate is not valid today: clients will refuse it"]);
  });

  const encrypted = createPrivateKey(first.key).export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" });
  it.each([
    ["no certificate file", { key: first.key }, "config.unreadable_file", /^ssl_cert: ENOENT.*cert\.pem/],
    ["no key file", { cert: first.cert }, "config.unreadable_file", /^ssl_key: ENOENT.*key\.pem/],
    [
      "a certificate and another's key",
      { cert: first.cert, key: second.key },
      "config.invalid_value",
      /^ssl_cert \(.*cert\.pem\) and ssl_key \(.*key\.pem\) don't fit together: the certificate is for another key/,
    ],
    [
      "a chain in the wrong order",
      { cert: second.cert + first.cert, key: first.key },
      "config.invalid_value",
      /own certificate comes first/,
    ],
    [
      "files that were swapped",
      { cert: first.key, key: first.cert },
      "config.invalid_value",
      /^ssl_cert .* holds no certificate in PEM format/,
    ],
    ["text for a key", { cert: first.cert, key: "secret" }, "config.invalid_value", /^ssl_key .* holds no private key in PEM format/],
    [
      "a key with a passphrase",
      { cert: first.cert, key: String(encrypted) },
      "config.invalid_value",
      /^ssl_key .* protected by a passphrase; write it without: openssl/,
    ],
    [
      "a chain that is broken further down",
      { cert: `${first.cert}-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n`, key: first.key },
      "config.invalid_value",
      /can't be used/,
    ],
    ["empty files", { cert: "", key: "" }, "config.invalid_value", /holds no certificate/],
  ])("are refused in a sentence: %s", (_what, contents, code, message) => {
    write(contents);
    const refused = expect.objectContaining({ code, message: expect.stringMatching(message) as string }) as Error;
    expect(() => open()).toThrow(refused);
    for (const text of [first.key, second.key]) expect(JSON.stringify(log.lines)).not.toContain(text.split("\n")[1]);
  });
});

describe("while it runs", () => {
  const used: TlsPair[] = [];
  /** Lets the time of one look pass, and waits until it is over: then the next one is due. */
  async function look(): Promise<void> {
    clock.advance(2_000);
    await eventually(() => clock.pending).toBe(1);
  }

  beforeEach(async () => {
    used.length = 0;
    write(first);
    files = open();
    files.onReplaced((pair) => used.push(pair));
    await files.start?.();
  });

  it("nothing happens while nothing changes", async () => {
    await look();
    write(first);
    await look();
    expect(used).toEqual([]);
    expect(log.messages()).toEqual(["TLS certificate loaded"]);
  });

  it("a new pair is used, and the log says so", async () => {
    write(second);
    await look();
    expect(used).toEqual([second]);
    expect(files?.pair).toEqual(second);
    expect(log.messages()).toEqual(["TLS certificate loaded", "TLS certificate replaced: new connections get the new one"]);
    write(first);
    await look();
    expect(used).toEqual([second, first]);
  });

  it("files that are written one after the other are used when both are there, without a warning", async () => {
    write({ cert: second.cert });
    await look();
    expect(used).toEqual([]);
    write({ key: second.key });
    await look();
    expect(used).toEqual([second]);
    expect(log.lines.filter(({ level }) => level === "warn")).toEqual([]);
  });

  it("files that are renamed into place are used", async () => {
    for (const [name, text] of [
      ["cert.pem", second.cert],
      ["key.pem", second.key],
    ] as const) {
      writeFileSync(at("new"), text);
      renameSync(at("new"), at(name));
    }
    await look();
    expect(used).toEqual([second]);
  });

  it("a folder behind a symbolic link is switched as Kubernetes does it", async () => {
    await files?.stop?.(AbortSignal.abort());
    for (const [name, { cert, key }] of [
      ["..1", first],
      ["..2", second],
    ] as const) {
      mkdirSync(at(name));
      writeFileSync(join(at(name), "tls.crt"), cert);
      writeFileSync(join(at(name), "tls.key"), key);
    }
    symlinkSync("..1", at("..data"));
    symlinkSync("..data/tls.crt", at("tls.crt"));
    symlinkSync("..data/tls.key", at("tls.key"));
    files = open(at("tls.crt"), at("tls.key"));
    files.onReplaced((pair) => used.push(pair));
    await files.start?.();
    await look();
    expect(used).toEqual([]);
    symlinkSync("..2", at("..data_tmp"));
    renameSync(at("..data_tmp"), at("..data"));
    await look();
    expect(used).toEqual([second]);
  });

  it.each([
    ["don't fit", (): void => write({ cert: second.cert }), /don't fit together/],
    ["are gone", (): void => unlinkSync(at("key.pem")), /ENOENT/],
    ["are garbage", (): void => write({ cert: "garbage" }), /no certificate in PEM format/],
  ])("files that %s change nothing but the log, which says it once; good ones are used again", async (_what, spoil, problem) => {
    spoil();
    await look();
    await look();
    await look();
    expect(used).toEqual([]);
    expect(files?.pair).toEqual(first);
    const warnings = log.lines.filter(({ level }) => level === "warn");
    expect(warnings).toEqual([
      {
        level: "warn",
        message: "The TLS files changed and can't be used: the certificate that was loaded before stays in use",
        fields: { problem: expect.stringMatching(problem) as string },
      },
    ]);
    write(second);
    await look();
    expect(used).toEqual([second]);
  });

  it("whoever does not want to be told any longer is not, and nobody looks after the end", async () => {
    const more: TlsPair[] = [];
    const end = files!.onReplaced((pair) => more.push(pair));
    end();
    write(second);
    await look();
    expect([used.length, more.length]).toEqual([1, 0]);
    await files!.stop?.(AbortSignal.abort());
    expect(clock.pending).toBe(0);
  });
});
