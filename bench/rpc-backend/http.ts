import { createServer } from "node:http";
import { answersTo, welcome } from "./echo.ts";

interface Call {
  readonly command?: string;
  readonly identifier?: string;
  readonly data?: string;
}

/** The same application over HTTP, by the names that AnyCable's contract has in JSON. Calls `listening` once it is there. */
export function serveHttp(port: number, listening: () => void): void {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const call = JSON.parse(Buffer.concat(chunks).toString()) as Call;
      const answer = answerTo(String(request.url), String(request.headers["x-anycable-meta-sid"]), call);
      response.setHeader("content-type", "application/json").end(JSON.stringify({ status: 1, ...answer }));
    });
  });
  server.listen(port, "127.0.0.1", listening);
}

function answerTo(path: string, sid: string, { command = "", identifier = "", data = "" }: Call): object {
  if (path.endsWith("/connect")) return welcome(sid);
  return path.endsWith("/command") ? { transmissions: answersTo(command, identifier, data) } : {};
}
