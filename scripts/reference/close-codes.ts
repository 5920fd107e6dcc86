import { closings, transportCloseCodes } from "../../src/close-codes.ts";
import { code, generatedNote, table } from "./table.ts";

/** The text of `docs/reference/close-codes.md`, from the table of closings. */
export function renderCloseCodes(): string {
  return `${[
    "# How connections end",
    generatedNote,
    `Where the table names a reason, the client is told it first: \`{"type":"disconnect","reason":…,"reconnect":…}\`. Then comes the close frame. A client
that was told \`"reconnect": false\` stays away; others come back by themselves.`,
    table(
      ["Reason", "Reconnect", "Code", "Text", "When"],
      Object.values(closings).map(({ notice, code: closeCode, text, when }) => [
        notice === undefined ? "none sent" : code(notice.reason),
        notice === undefined ? "" : String(notice.reconnect),
        String(closeCode),
        text,
        when,
      ]),
    ),
    "The WebSocket layer also closes by itself, without a reason:",
    table(
      ["Code", "When"],
      Object.entries(transportCloseCodes).map(([closeCode, when]) => [closeCode, when]),
    ),
  ].join("\n\n")}\n`;
}
