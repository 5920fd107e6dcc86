import findMyWay from "find-my-way";
import { CableError, messageOf } from "../errors.ts";
import type { RequestHandler, Routes, UpgradeHandler } from "./routes.ts";

/** What hangs on one path. At least one of the two is there. */
export interface Route {
  request?: RequestHandler;
  upgrade?: UpgradeHandler;
}

/** Paths to handlers. The most specific path wins: fixed text, then `{name:regex}`, then `{name}`, then `*`. */
export class RouteTable implements Routes {
  readonly #routes = new Map<string, Route>();
  readonly #paths = findMyWay({
    // A segment is as long as the header limit lets it be; find-my-way's own default is 100.
    maxParamLength: Number.MAX_SAFE_INTEGER,
    querystringParser: () => noQuery,
    onBadUrl: neverCalled,
  });

  request(path: string, handler: RequestHandler): void {
    const route = this.#at(path);
    if (route.request !== undefined) throw taken(path);
    route.request = handler;
  }

  upgrade(path: string, handler: UpgradeHandler): void {
    const route = this.#at(path);
    if (route.upgrade !== undefined) throw taken(path);
    route.upgrade = handler;
  }

  /** `malformed` when the request target can't be decoded; `undefined` when nothing hangs there. */
  find(target: string): Route | "malformed" | undefined {
    const found = this.#paths.find(anyMethod, target);
    if (found === null) return undefined;
    return (found.store as Route | null) ?? "malformed";
  }

  #at(path: string): Route {
    const pattern = translate(path);
    let route = this.#routes.get(pattern);
    if (route === undefined) {
      route = {};
      try {
        this.#paths.on(anyMethod, pattern, neverCalled, route);
      } catch (error) {
        throw malformed(path, messageOf(error), error);
      }
      this.#routes.set(pattern, route);
    }
    return route;
  }
}

// A path answers every method, so all live in the tree of one.
const anyMethod = "GET";
const noQuery: { [key: string]: string } = {};

// find-my-way insists on handlers; ours are in the store.
function neverCalled(): void {}

/** From chi's syntax to find-my-way's. Nobody reads parameters by name, so they are numbered: paths that differ in names alone are one. */
function translate(path: string): string {
  if (!path.startsWith("/")) throw malformed(path, "it must begin with /");
  let pattern = "";
  let parameters = 0;
  for (let at = 0; at < path.length; at++) {
    const character = path[at]!;
    if (character === "{") {
      const end = closingBrace(path, at);
      const regex = /^[^:{}]*(?::(.+))?$/s.exec(path.slice(at + 1, end))?.[1];
      const following = path[end + 1];
      const isWholeSegment = path[at - 1] === "/" && (following === undefined || following === "/");
      pattern += `:p${parameters++}`;
      if (regex !== undefined) pattern += `(${regex})`;
      else if (!isWholeSegment) pattern += "([^/]+)";
      at = end;
    } else if (character === "*" && at !== path.length - 1) {
      throw malformed(path, "* is for the end of a path");
    } else if (character === "}" || character === "?" || character === "#") {
      throw malformed(path, `it has a stray ${character}`);
    } else {
      pattern += character === ":" ? "::" : character;
    }
  }
  return pattern;
}

function closingBrace(path: string, open: number): number {
  let depth = 0;
  for (let at = open; at < path.length; at++) {
    if (path[at] === "{") depth++;
    else if (path[at] === "}" && --depth === 0) return at;
  }
  throw malformed(path, "a { is never closed");
}

function malformed(path: string, why: string, cause?: unknown): CableError {
  const form = "Paths look like /cable, /{tenant}/cable, /{id:[0-9]+}/cable or /cable/*.";
  return new CableError("config.invalid_value", `The path "${path}" can't be used: ${why}. ${form}`, { cause });
}

function taken(path: string): CableError {
  return new CableError("config.invalid_value", `The path "${path}" is used twice on one port. Give one of the two parts another path.`);
}
