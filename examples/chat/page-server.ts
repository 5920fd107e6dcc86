// Serves the page and the two browser clients as they come from npm: no bundler, an import map finds them.

import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createRequire } from "node:module";
import { dirname, extname, join, sep } from "node:path";

const contentTypes: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
};

/** What the browser may load from node_modules. The last one belongs to `@anycable/core`, which belongs to `@anycable/web`. */
const browserPackages = ["@rails/actioncable", "@anycable/web", "@anycable/core", "nanoevents"] as const;

export interface PageServer {
  stop(): Promise<void>;
}

export interface PageServerOptions {
  readonly port: number;
  /** The folder of index.html. */
  readonly publicDir: string;
  /** `{{name}}` in index.html becomes its value. Values are written as they are: give nothing that a visitor chose. */
  readonly values: Readonly<Record<string, string | number>>;
  /** POST /restart. */
  readonly restart: () => Promise<void>;
}

/** Listens on 127.0.0.1. Rejects when the port is taken. */
export async function startPageServer(options: PageServerOptions): Promise<PageServer> {
  const folders = packageFolders();
  const ownOrigins = [`http://localhost:${options.port}`, `http://127.0.0.1:${options.port}`];

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = pathOf(request);
    if (request.method === "POST" && path === "/restart") {
      // Another site's page must not restart it.
      if (!ownOrigins.includes(request.headers.origin ?? "")) return send(response, 403, "Only this page may do that.");
      await options.restart();
      return send(response, 200, "restarted");
    }
    if (request.method !== "GET" && request.method !== "HEAD") return send(response, 405, "GET only.");
    const file = path === undefined ? undefined : fileOf(path, options.publicDir, folders);
    const content = file === undefined ? undefined : await readFile(file).catch(() => undefined);
    if (file === undefined || content === undefined) return send(response, 404, "Nothing here.");
    const body = extname(file) === ".html" ? fillIn(content.toString(), options.values) : content;
    return send(response, 200, body, contentTypes[extname(file)]);
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => send(response, 500, error instanceof Error ? error.message : String(error)));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, "127.0.0.1", resolve);
  });

  return {
    async stop(): Promise<void> {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function packageFolders(): ReadonlyMap<string, string> {
  const require = createRequire(import.meta.url);
  return new Map(browserPackages.map((name) => [name, dirname(require.resolve(`${name}/package.json`))]));
}

function pathOf(request: IncomingMessage): string | undefined {
  try {
    return decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname);
  } catch {
    return undefined;
  }
}

/** The file behind a path, or undefined when the path leads out of the folders or to a kind of file that a page doesn't need. */
function fileOf(path: string, publicDir: string, folders: ReadonlyMap<string, string>): string | undefined {
  let folder = publicDir;
  let rest = path === "/" ? "/index.html" : path;
  for (const [name, packageFolder] of folders) {
    const prefix = `/modules/${name}`;
    if (!path.startsWith(`${prefix}/`)) continue;
    folder = packageFolder;
    rest = path.slice(prefix.length);
  }
  const file = join(folder, rest);
  return file.startsWith(folder + sep) && !file.includes("\0") && extname(file) in contentTypes ? file : undefined;
}

function fillIn(html: string, values: PageServerOptions["values"]): string {
  return html.replaceAll(/\{\{(\w+)\}\}/g, (placeholder, name: string) => String(values[name] ?? placeholder));
}

function send(response: ServerResponse, status: number, body: string | Buffer, type = "text/plain; charset=utf-8"): void {
  response.writeHead(status, { "content-type": type, "cache-control": "no-store", "x-content-type-options": "nosniff" }).end(body);
}
