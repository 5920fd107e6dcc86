// The demo from outside: its command is started, and a real browser opens the page with the two official clients.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFailed, onTestFinished } from "vitest";
import { choosePort } from "../../examples/chat/ports.ts";
import { redisCall } from "../support/redis-client.ts";
import { startRedis } from "../support/redis-server.ts";
import { launchChromium, reasonToSkipBrowser } from "../support/chromium.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const main = `${root}build/examples/chat/main.js`;
const waiting = { timeout: 20_000 };

interface RunningDemo {
  readonly process: ChildProcess;
  readonly pageUrl: string;
  readonly cableUrl: string;
}

async function runDemo(...options: readonly string[]): Promise<RunningDemo> {
  if (!existsSync(main)) throw new Error("the demo isn't built: run `npm run build` first");
  const child = spawn(process.execPath, [main, "--no-open", "--free-ports", ...options], { stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  const address = await new Promise<RegExpExecArray>((resolve, reject) => {
    const onPrinted = (chunk: Buffer): void => {
      printed += chunk.toString();
      const match = /^Open (\S+) to chat \(cable server: (\S+)\)/m.exec(printed);
      if (match !== null) resolve(match);
    };
    child.stdout.on("data", onPrinted);
    child.stderr.on("data", onPrinted);
    child.once("close", () => reject(new Error(`the demo didn't start:\n${printed}`)));
  });
  const [, pageUrl = "", cableUrl = ""] = address;
  return { process: child, pageUrl, cableUrl };
}

describe("the demo's page", () => {
  const reasonToSkip = reasonToSkipBrowser();
  let demo: RunningDemo;
  let browser: Browser;

  beforeAll(async () => {
    if (reasonToSkip !== undefined) return;
    demo = await runDemo();
    browser = await launchChromium();
  });

  beforeEach((context) => {
    if (reasonToSkip !== undefined) context.skip(reasonToSkip);
  });

  afterAll(async () => {
    await browser?.close();
    if (demo?.process.exitCode !== null) return;
    demo.process.kill("SIGTERM");
    await once(demo.process, "exit");
  });

  /** A page with both clients connected. A failed test leaves a picture of it in build/. */
  async function openPage(path = "/"): Promise<Page> {
    const page = await browser.newPage();
    onTestFailed(async ({ task }) => {
      if (!page.isClosed()) await page.screenshot({ path: `${root}build/demo-${task.name.replaceAll(/\W+/g, "-")}.png` });
      await page.close();
    });
    page.setDefaultTimeout(waiting.timeout);
    await page.goto(demo.pageUrl + path);
    await bothConnected(page);
    return page;
  }

  function pane(page: Page, client: "rails" | "anycable"): Locator {
    return page.locator(`[data-client=${client}]`);
  }

  async function bothConnected(page: Page, timeout = waiting.timeout): Promise<void> {
    await page.locator("[data-client=rails][data-state=connected]").waitFor({ timeout });
    await page.locator("[data-client=anycable][data-state=connected]").waitFor({ timeout });
  }

  async function speak(from: Locator, text: string): Promise<void> {
    await from.getByRole("textbox", { name: "Message" }).fill(text);
    await from.getByRole("button", { name: "Send" }).click();
  }

  async function heardOnce(page: Page, ...texts: string[]): Promise<void> {
    for (const client of ["rails", "anycable"] as const) {
      const bodies = pane(page, client).locator(".message p");
      await expect.poll(async () => (await bodies.allTextContents()).filter((text) => texts.includes(text)), waiting).toEqual(texts);
    }
  }

  async function press(where: Locator, button: "Join" | "Leave"): Promise<void> {
    await where.getByRole("button", { name: button }).click();
  }

  async function online(page: Page): Promise<string[]> {
    return (await page.locator("#online li").allTextContents()).toSorted();
  }

  const everybody = ["Anya @anycable/web", "Rita @rails/actioncable"];

  it("lets each client hear both", async () => {
    const page = await openPage();
    await speak(pane(page, "rails"), "from the left");
    await heardOnce(page, "from the left");
    await speak(pane(page, "anycable"), "from the right");
    await heardOnce(page, "from the left", "from the right");
    expect(await pane(page, "rails").locator(".own p").allTextContents()).toEqual(["from the left"]);
    await page.close();
  });

  it("gives a newcomer the room's last messages, and keeps rooms apart", async () => {
    const valley = await openPage("/?room=valley");
    await speak(pane(valley, "rails"), "down here");
    await heardOnce(valley, "down here");

    const summit = await openPage("/?room=summit");
    await speak(pane(summit, "anycable"), "up here");
    await heardOnce(summit, "up here");
    expect(await summit.locator(".message p").allTextContents()).toEqual(["up here", "up here"]);

    const newcomer = await openPage("/?room=valley");
    await heardOnce(newcomer, "down here");
    await Promise.all([valley.close(), summit.close(), newcomer.close()]);
  });

  it("shows who is online, and no longer who left", async () => {
    const page = await openPage();
    // Who was cut off in the test before is there until disconnect_grace is over.
    await expect.poll(() => online(page), waiting).toEqual(everybody);

    await press(pane(page, "rails"), "Leave");
    await expect.poll(() => online(page), waiting).toEqual(["Anya @anycable/web"]);

    await pane(page, "rails").getByLabel("Name").fill("Ruth");
    await press(pane(page, "rails"), "Join");
    await expect.poll(() => online(page), waiting).toEqual(["Anya @anycable/web", "Ruth @rails/actioncable"]);
    await page.close();
  });

  it.each(["rails", "anycable"] as const)("shows the %s client refused when it gives no name", async (client) => {
    const page = await openPage();
    await press(pane(page, client), "Leave");
    await pane(page, client).getByLabel("Name").fill("");
    await press(pane(page, client), "Join");
    await expect.poll(() => pane(page, client).getByRole("status").textContent(), waiting).toBe("Refused by the application");
    await page.close();
  });

  it("sees both clients come back after a restart of the server", { timeout: 60_000 }, async () => {
    const page = await openPage("/?room=restart");
    await speak(pane(page, "rails"), "before");
    await heardOnce(page, "before");

    await page.getByRole("button", { name: "Restart the server" }).click();
    await page.locator("[data-client=rails]:not([data-state=connected])").waitFor();
    await page.locator("[data-client=anycable]:not([data-state=connected])").waitFor();
    await expect.poll(() => page.locator("#restart-status").textContent(), { timeout: 20_000 }).toContain("Server is back");

    // Both wait seconds before they try again, each by its own rule.
    await bothConnected(page, 40_000);
    await expect.poll(() => online(page), waiting).toEqual(everybody);
    await speak(pane(page, "anycable"), "after");
    await heardOnce(page, "before", "after");
    await page.close();
  });

  it("ends on SIGTERM with nothing left that answers", async () => {
    const healthUrl = demo.cableUrl.replace("ws:", "http:").replace("/cable", "/health");
    expect((await fetch(healthUrl)).status).toBe(200);
    demo.process.kill("SIGTERM");
    expect(await once(demo.process, "exit")).toEqual([0, null]);
    await expect(fetch(healthUrl)).rejects.toThrow("fetch failed");
    await expect(fetch(demo.pageUrl)).rejects.toThrow("fetch failed");
  });
});

describe("the demo's page with a Redis", () => {
  const reasonToSkip = reasonToSkipBrowser();

  it("loses nothing in a restart of the server, in either of two tabs, and shows who is present", { timeout: 120_000 }, async (context) => {
    if (reasonToSkip !== undefined) context.skip(reasonToSkip);
    const redis = await startRedis();
    const url = `redis://127.0.0.1:${redis.port}`;
    const demo = await runDemo("--redis", url);
    const browser = await launchChromium();
    onTestFinished(async () => {
      await browser.close();
      demo.process.kill("SIGTERM");
      await once(demo.process, "exit");
      await redis.kill();
    });
    const open = async (name: string): Promise<Locator> => {
      const page = await browser.newPage();
      await page.goto(`${demo.pageUrl}/?room=kept`);
      const pane = page.locator("[data-client=anycable]");
      await page.locator("[data-client=anycable][data-state=connected]").waitFor(waiting);
      await pane.getByRole("button", { name: "Leave" }).click();
      await pane.getByLabel("Name").fill(name);
      await pane.getByRole("button", { name: "Join" }).click();
      await page.locator("[data-client=anycable][data-state=connected]").waitFor(waiting);
      return pane;
    };
    const tabs = [await open("Ada"), await open("Bob")];
    const said: string[] = [];
    /** Says something in the room although the server may be away: the stream in Redis keeps it until it is back. */
    const say = async (text: string): Promise<void> => {
      said.push(text);
      const message = { type: "message", id: text, name: "Redis", text, at: new Date().toISOString() };
      const payload = JSON.stringify({ stream: "chat/kept", data: JSON.stringify(message) });
      await redisCall(url, ["XADD", "__anycable__", "*", "payload", payload]);
    };
    const heard = (tab: Locator): Promise<string[]> => tab.locator(".message p").allTextContents();
    // Who closes the connection before the command to leave was carried out is present until its time is up.
    for (const tab of tabs) await expect.poll(() => tab.locator(".present").textContent(), { timeout: 30_000 }).toBe("Present: Ada, Bob");

    await say("before");
    for (const tab of tabs) await expect.poll(() => heard(tab), waiting).toEqual(said);
    await tabs[0]!.page().getByRole("button", { name: "Restart the server" }).click();
    for (let at = 0; at < 20; at++) await say(`meanwhile ${at}`);
    for (const tab of tabs) await tab.page().locator("[data-client=anycable]:not([data-state=connected])").waitFor(waiting);
    await say("still away");
    for (const tab of tabs) await tab.page().locator("[data-client=anycable][data-state=connected]").waitFor({ timeout: 40_000 });
    await say("after");
    for (const tab of tabs) await expect.poll(() => heard(tab), waiting).toEqual(said);
    for (const tab of tabs) await expect.poll(() => tab.locator(".present").textContent(), waiting).toBe("Present: Ada, Bob");
  });
});

describe("the demo's start", () => {
  it("says what can't start, and ends", async () => {
    const env = { ...process.env, ROPEWAY_COMMAND: `${process.execPath} --no-such-flag` };
    const child = spawn(process.execPath, [main, "--no-open", "--free-ports"], { env, stdio: ["ignore", "ignore", "pipe"] });
    let complaint = "";
    child.stderr.on("data", (chunk: Buffer) => (complaint += chunk.toString()));
    const [code] = await once(child, "close");
    expect(code).toBe(1);
    expect(complaint).toMatch(/^The demo can't run: .*--no-such-flag.*: it ended with code 9$/m);
  });

  it("takes another port when the preferred one is taken", async () => {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    expect(await choosePort(port)).not.toBe(port);
    server.close();
  });
});
