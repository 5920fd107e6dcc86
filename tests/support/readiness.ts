import type { Ropeway } from "./ropeway.ts";

/** What `/ready` says of a server and of its application. */
export interface Readiness {
  readonly http: number;
  readonly status: string;
  readonly rpc: { readonly ok: boolean; readonly detail: string };
}

export async function readinessOf(ropeway: Ropeway): Promise<Readiness> {
  const response = await fetch(ropeway.http("/ready"));
  const { status, parts } = (await response.json()) as { readonly status: string; readonly parts: { readonly rpc: Readiness["rpc"] } };
  return { http: response.status, status, rpc: parts.rpc };
}
