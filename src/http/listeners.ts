import { httpListener, type HttpListener, type HttpListenerOptions } from "./listener.ts";

/** The listeners of one server: parts that name the same host and port share one. */
export interface HttpListeners {
  /** `optionNames` is what the asking part calls its host and port; the first asker's are used in errors. */
  at(host: string, port: number, optionNames?: HttpListenerOptions["optionNames"]): HttpListener;
  /** All of them, in the order in which they were first asked for. */
  all(): readonly HttpListener[];
}

export function httpListeners(shared: Omit<HttpListenerOptions, "host" | "port" | "optionNames">): HttpListeners {
  const byAddress = new Map<string, HttpListener>();
  return {
    at(host, port, optionNames) {
      const address = `${host.toLowerCase()}:${port}`;
      let listener = byAddress.get(address);
      if (listener === undefined) {
        listener = httpListener({ ...shared, host, port, ...(optionNames && { optionNames }) });
        byAddress.set(address, listener);
      }
      return listener;
    },
    all: () => [...byAddress.values()],
  };
}
