import { experimental } from "@grpc/grpc-js";
import { authorityOf, parseGrpcTarget } from "./grpc-target.ts";

type Resolver = experimental.Resolver;
type ResolverListener = experimental.ResolverListener;
type Endpoints = Parameters<ResolverListener>[0];
type ResolverOptions = ConstructorParameters<Parameters<typeof experimental.registerResolver>[1]>[2];

export const LIST_SCHEME = "grpc-list";

/** Makes grpc-js understand `grpc-list:`. Its table of schemes is the process's own, so once is enough. */
export function registerListResolver(): void {
  experimental.registerResolver(LIST_SCHEME, ListResolver);
}

/**
 * Resolves every member of a list with the resolver that its scheme asks for, and offers what has been found so far. A member whose
 * name can't be resolved is tried again and again, with back-off, and keeps the addresses that it had; it holds up nobody else.
 */
class ListResolver implements Resolver {
  static getDefaultAuthority(target: experimental.GrpcUri): string {
    return authorityOf(parseGrpcTarget(experimental.uriToString(target))[0]!);
  }

  private readonly members: readonly Resolver[];
  private readonly found: (Endpoints | undefined)[];
  private readonly listener: ResolverListener;

  constructor(target: experimental.GrpcUri, listener: ResolverListener, options: ResolverOptions) {
    this.listener = listener;
    const members = parseGrpcTarget(experimental.uriToString(target));
    this.found = members.map(() => undefined);
    this.members = members.map((member, index) =>
      experimental.createResolver(member, (endpoints) => this.resolved(index, endpoints), options),
    );
  }

  updateResolution(): void {
    for (const member of this.members) member.updateResolution();
  }

  destroy(): void {
    for (const member of this.members) member.destroy();
    this.found.fill(undefined);
  }

  private resolved(index: number, endpoints: Endpoints): boolean {
    if (endpoints.ok) {
      this.found[index] = endpoints;
      return this.offer();
    }
    if (!this.found[index]?.ok) this.found[index] = endpoints;
    const accepted = this.offer();
    // A resolver that failed waits to be asked again; its own back-off decides when it does something about it.
    this.members[index]!.updateResolution();
    return accepted;
  }

  private offer(): boolean {
    const endpoints = this.found.flatMap((member) => (member?.ok ? member.value : []));
    if (endpoints.length > 0) return this.listener(experimental.statusOrFromValue(endpoints), {}, null, "");
    // Not a failure yet while another member may still be found.
    if (this.found.includes(undefined)) return true;
    return this.listener(this.found[0]!, {}, null, "");
  }
}
