import { placeOf, toldEndpoint, type NatsAddress, type NatsEndpoint } from "./address.ts";

/** The servers to try: those that were configured, and those that they told of. */
export class ServerPool {
  #configured: readonly NatsEndpoint[];
  #told: readonly NatsEndpoint[] = [];
  #last: string | undefined;

  /** `random` gives 0 ≤ n < 1; undefined: they are tried in the order given. */
  constructor({ servers }: NatsAddress, random: (() => number) | undefined) {
    this.#configured = random === undefined ? servers : shuffled(servers, random);
  }

  /** All of them, in the order in which they are to be tried: the one that was tried last comes last. */
  round(): readonly NatsEndpoint[] {
    const all = [...this.#configured, ...this.#told];
    const at = all.findIndex((server) => placeOf(server) === this.#last);
    return [...all.slice(at + 1), ...all.slice(0, at + 1)];
  }

  tried(server: NatsEndpoint): void {
    this.#last = placeOf(server);
  }

  /** What a server says about its cluster, as `host:port`. */
  learn(places: readonly string[], teller: NatsEndpoint): void {
    const known = new Set(this.#configured.map(placeOf));
    this.#told = places.flatMap((text) => toldEndpoint(text, teller) ?? []).filter((server) => !known.has(placeOf(server)));
  }
}

function shuffled(servers: readonly NatsEndpoint[], random: () => number): readonly NatsEndpoint[] {
  return servers
    .map((server) => ({ server, at: random() }))
    .toSorted((one, other) => one.at - other.at)
    .map(({ server }) => server);
}
