// The pages of docs/protocols say what the server does: their examples are played against it, byte for byte.

import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { closings } from "../../src/close-codes.ts";
import type { ClientCommand, ServerMessage } from "../../src/protocols/messages.ts";
import { readConversation, type Conversation } from "../support/conversation.ts";
import { play } from "../support/conversation-player.ts";
import { startGrpcApp, type GrpcApp } from "../support/grpc-app.ts";
import { pageApplication } from "../support/page-application.ts";
import { filesUnder } from "../support/repository.ts";
import { startRopeway, type Ropeway } from "../support/ropeway.ts";

const pages = filesUnder("docs/protocols", ".md");

/** Flags of a page's examples that name none, as the page says. */
const flagsOf: Readonly<Record<string, readonly string[]>> = {
  "actioncable-v1-json": ["--noauth", "--public_streams", "--norpc"],
  "actioncable-v1-ext-json": ["--noauth", "--public_streams", "--norpc", "--broker=memory"],
};

interface Example {
  readonly where: string;
  readonly protocol: string;
  readonly flags: readonly string[];
  readonly conversation: Conversation;
}

const examples = [...pages].flatMap(([path, text]): readonly Example[] => {
  const protocol = /(\S+)\.md$/.exec(path.slice("docs/protocols/".length))![1]!;
  return [...text.matchAll(/^```cable\n(.*?)^```/gms)].map(({ 1: body = "", index }) => {
    const conversation = readConversation(body);
    const where = `${protocol}:${text.slice(0, index).split("\n").length}`;
    return { where, protocol, flags: conversation.flags ?? flagsOf[protocol]!, conversation };
  });
});

describe("an example of a protocol", () => {
  let app: GrpcApp;
  const running = new Map<string, Ropeway>();

  beforeAll(async () => {
    app = await startGrpcApp({ application: pageApplication });
  });

  afterAll(async () => {
    await Promise.all([...running.values()].map((ropeway) => ropeway.stop()));
    await app.kill();
  });

  /** Those that keep nothing serve all examples that ask for them. */
  async function serverFor({ flags, conversation }: Example): Promise<Ropeway> {
    const start = (): Promise<Ropeway> => startRopeway(flags.map((flag) => flag.replace("localhost:50051", app.address)));
    if (flags.some((flag) => flag.startsWith("--broker=")) || conversation.steps.some(({ kind }) => kind === "stop")) {
      const own = await start();
      onTestFinished(async () => void (await own.stop()));
      return own;
    }
    const name = flags.join(" ");
    const started = running.get(name) ?? (await start());
    running.set(name, started);
    return started;
  }

  it.each(examples)("is true: $where", async (example) => {
    const ropeway = await serverFor(example);
    const known = { "a-minute-ago": String(Math.floor(Date.now() / 1_000) - 60) };
    await play(example.conversation, ropeway, { protocol: example.protocol, known });
  });

  it.each([
    ["a message that is not sent", '← {"type":"pong"}'],
    ["another value", '→ {"command":"ping"}\n← {"type":"pong","a":1}'],
    ["another value than before", 'connect /cable\n← {"type":"welcome","sid":"<sid>"}'],
    ["silence that is none", '→ {"command":"ping"}\n← nothing'],
    ["silence instead of an answer", '→ {"command":"subscribe","identifier":"x"}\n← nothing'],
    ["a message that is left out", '→ {"command":"ping"}'],
    ["another answer", "connect /elsewhere\n← 101"],
    ["another header", "connect /cable\n← 101\n  Sec-WebSocket-Protocol: other"],
    ["another end", "closes\n← close 1001"],
  ])("would not pass with %s", async (_what, lines) => {
    const beginning = 'connect /cable\n← {"type":"welcome","sid":"<sid>"}\n';
    const ropeway = await serverFor({ ...examples[0]!, flags: ["--noauth", "--public_streams", "--norpc"] });
    const wrong = play(readConversation(beginning + lines), ropeway, { protocol: "actioncable-v1-json", patienceMs: 300 });
    await expect(wrong).rejects.toThrow();
  });
});

describe("the protocol pages", () => {
  const lines = (kind: "sends" | "hears"): readonly string[] =>
    examples.flatMap(({ conversation }) => conversation.steps.flatMap((step) => (step.kind === kind ? [step.text] : [])));

  const commands: Readonly<Record<Exclude<ClientCommand["command"], "unknown">, true>> = {
    subscribe: true,
    unsubscribe: true,
    message: true,
    whisper: true,
    history: true,
    presence: true,
    join: true,
    leave: true,
    ping: true,
    pong: true,
  };

  it.each(Object.keys(commands))("show the command %s", (command) => {
    expect(lines("sends").filter((line) => line.startsWith(`{"command":"${command}"`))).not.toEqual([]);
  });

  const messages: Readonly<Record<ServerMessage["type"], RegExp>> = {
    welcome: /^\{"type":"welcome","sid":"[^"]+"\}$/,
    welcome_back: /^\{"type":"welcome".*"restored":true/,
    ping: /^\{"type":"ping"/,
    pong: /^\{"type":"pong"/,
    disconnect: /^\{"type":"disconnect"/,
    confirm_subscription: /^\{"type":"confirm_subscription"/,
    reject_subscription: /^\{"type":"reject_subscription"/,
    confirm_history: /^\{"type":"confirm_history"/,
    reject_history: /^\{"type":"reject_history"/,
    presence_info: /"message":\{"type":"info"/,
    presence_error: /"message":\{"type":"error"/,
    data: /^\{"identifier":.*"offset":/,
    transmission: /^\{"identifier":.*ChatChannel.*"message":\{"text":"hello"\}\}$/,
  };

  it.each(Object.entries(messages))("show the message %s", (_type, pattern) => {
    expect(lines("hears").filter((line) => pattern.test(line))).not.toEqual([]);
  });

  it.each(Object.values(closings).map(({ code, text, notice }) => [`${code} ${text}`, { code, text, notice }] as const))(
    "list the end %s",
    (_name, { code, text, notice }) => {
      const rows = pages
        .get("docs/protocols/actioncable-v1-json.md")!
        .split("\n")
        .filter((line) => line.startsWith("| "));
      const reason = notice === undefined ? "(none|the application's)" : `\`${notice.reason}\``;
      expect(rows.filter((row) => new RegExp(`^\\| ${reason} \\|.*\\| ${code} \`${text}\` \\|`).test(row))).toHaveLength(1);
    },
  );
});
