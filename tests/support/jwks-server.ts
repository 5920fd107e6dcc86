import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, type CryptoKey, type JWK } from "jose";

/** A host that publishes keys, and whose answers a test sets as it goes. */
export interface JwksServer {
  readonly url: string;
  /** Requests so far. */
  readonly requests: readonly { readonly accept: string | undefined }[];
  /** How it answers from now on. */
  answer(respond: (response: ServerResponse) => void): void;
  /** It answers with these keys from now on. */
  publish(...keys: readonly JWK[]): void;
  /** It goes away, and comes back at the same port. */
  stop(): Promise<void>;
  restart(): Promise<void>;
}

export async function startJwksServer(): Promise<JwksServer> {
  const requests: { accept: string | undefined }[] = [];
  let respond: (response: ServerResponse) => void = (response) => response.writeHead(404).end();
  const listen = async (port: number): Promise<ReturnType<typeof createServer>> => {
    const made = createServer((request, response) => {
      requests.push({ accept: request.headers.accept });
      respond(response);
    });
    made.listen(port, "127.0.0.1");
    await once(made, "listening");
    return made;
  };
  let server = await listen(0);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/.well-known/jwks.json`,
    requests,
    answer(next) {
      respond = next;
    },
    publish(...keys) {
      respond = (response) => response.setHeader("content-type", "application/jwk-set+json").end(JSON.stringify({ keys }));
    },
    async stop() {
      if (!server.listening) return;
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
    async restart() {
      server = await listen(port);
    },
  };
}

/** A key pair with the public half as it is published. */
export async function keyPair(
  alg: string,
  kid?: string,
): Promise<{ readonly alg: string; readonly privateKey: CryptoKey; readonly jwk: JWK }> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { alg, privateKey, jwk: { ...(await exportJWK(publicKey)), alg, use: "sig", ...(kid !== undefined && { kid }) } };
}
