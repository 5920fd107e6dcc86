import { errorCodes } from "../../src/errors.ts";
import { code, generatedNote, table } from "./table.ts";

/** The text of `docs/reference/errors.md`, from the table of error codes. */
export function renderErrors(): string {
  return `${[
    "# Errors",
    generatedNote,
    `A failure that Ropeway knows has a code. It stands in the log as \`code\`, in the JSON answer to a publisher, on the command line behind the message,
and as the \`code\` of a \`CableError\` when Ropeway is embedded. Codes are stable: alerts can be written on them. Messages are not.`,
    table(
      ["Code", "Meaning"],
      Object.entries(errorCodes).map(([name, meaning]) => [code(name), meaning]),
    ),
  ].join("\n\n")}\n`;
}
