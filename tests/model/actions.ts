/** What a client names when it asks for history. */
export interface AskPlan {
  /**
   * `honest`: the newest that it heard. `one`: the same, for the first of its streams only. `older`: two before. `newest`, `beyond`, `zero`: of
   * the stream as it is, whatever it heard. `absurd`: of no stream.
   */
  readonly position: "honest" | "none" | "one" | "older" | "newest" | "beyond" | "zero" | "absurd";
  /** When it last read something, or so many seconds from now; undefined: no time. */
  readonly since: "last read" | number | undefined;
}

/** One publication of a body. */
export interface PublicationPlan {
  readonly stream: number;
  readonly isLarge: boolean;
  readonly isTransient: boolean;
  /** The client that must not hear it. */
  readonly excludes: number | undefined;
}

/** One thing that happens. What is not possible when it is its turn is left out, so that any part of a list of actions is one too. */
export type Action =
  | { readonly does: "publish"; readonly node: number; readonly items: readonly PublicationPlan[] }
  | {
      readonly does: "connect";
      readonly client: number;
      readonly node: number;
      readonly returns: boolean;
      readonly asks: AskPlan | undefined;
    }
  | { readonly does: "subscribe"; readonly client: number; readonly channel: number; readonly history: AskPlan | undefined }
  | { readonly does: "ask"; readonly client: number; readonly channel: number; readonly history: AskPlan }
  | { readonly does: "unsubscribe"; readonly client: number; readonly channel: number }
  | { readonly does: "drop"; readonly client: number; readonly how: "clean" | "abrupt" | "unnoticed"; readonly share: number }
  /** The network takes nothing from now on; takes what waits; takes everything again. */
  | { readonly does: "stall" | "drain" | "flow"; readonly client: number }
  /** The client reads nothing from now on; reads everything again. */
  | { readonly does: "lag" | "read"; readonly client: number }
  | { readonly does: "pass"; readonly ms: number }
  /** Without it the next action comes in the same turn of the event loop. */
  | { readonly does: "rest"; readonly until: "microtasks" | "turn" | "settled" }
  | { readonly does: "restart node"; readonly node: number }
  /** A node's connections to what is between nodes end; it can't make new ones, until it can again. */
  | { readonly does: "cut" | "mend"; readonly node: number }
  /** What was kept is gone, and the broker goes on. */
  | { readonly does: "lose data" }
  | { readonly does: "restart broker"; readonly keeps: "all" | "nothing" | "an older state" };

/** The ground on which actions happen. */
export interface Setting {
  readonly nodes: number;
  readonly clients: number;
  /** Per stream; a limit of 0 keeps nothing. */
  readonly streams: readonly { readonly limit: number; readonly ttlMs: number }[];
  readonly sessionsTtlMs: number;
  readonly maxPendingBytes: number;
  readonly writeTimeoutMs: number;
}

export interface Case {
  readonly setting: Setting;
  readonly actions: readonly Action[];
}

type Chance = () => number;
/** How often each happens, compared with the others. */
export type Weights = Readonly<Record<Action["does"], number>>;

/** Where a node has its broker for itself. */
const usual: Weights = {
  publish: 12,
  connect: 7,
  subscribe: 6,
  ask: 4,
  unsubscribe: 1.5,
  drop: 4,
  stall: 1.5,
  drain: 2,
  flow: 1.5,
  lag: 1,
  read: 1,
  pass: 3,
  rest: 12,
  "restart node": 0.3,
  cut: 0,
  mend: 0,
  "lose data": 0,
  "restart broker": 0,
};

/** Cases that differ in what happens often in them and what never does: extremes find more than the average. */
export function caseOf(chance: Chance, nodes: number, other: Partial<Weights> = {}): Case {
  const setting = settingOf(chance, nodes);
  const weights = Object.entries({ ...usual, ...other }).map(([does, weight]): [Action["does"], number] => [
    does as Action["does"],
    weight * pick(chance, [0, 0.3, 1, 1, 1, 3]),
  ]);
  const isLarge = chance() < 0.12;
  const length = 10 + Math.floor(chance() * 50);
  const actions: Action[] = [];
  // Something has to be there that can go wrong.
  for (let client = 0; client < setting.clients; client++) {
    actions.push(
      { does: "connect", client, node: below(chance, nodes), returns: false, asks: undefined },
      { does: "rest", until: "settled" },
    );
    actions.push({
      does: "subscribe",
      client,
      channel: below(chance, setting.streams.length * 2),
      history: maybe(chance, 0.3, () => askOf(chance)),
    });
  }
  const total = weights.reduce((sum, [, weight]) => sum + weight, 0);
  while (actions.length < length) {
    let at = chance() * total;
    const chosen = weights.find(([, weight]) => (at -= weight) < 0);
    if (chosen !== undefined) actions.push(actionOf(chosen[0], chance, setting, isLarge));
  }
  return { setting, actions };
}

function settingOf(chance: Chance, nodes: number): Setting {
  const count = 2 + below(chance, 2);
  const streams = Array.from({ length: count }, () => ({
    limit: pick(chance, [2, 5, 50, 50]),
    ttlMs: pick(chance, [2_000, 30_000, 30_000]),
  }));
  if (chance() < 0.2) streams[count - 1] = { limit: 0, ttlMs: 2_000 };
  return {
    nodes,
    clients: 1 + below(chance, 4),
    streams,
    sessionsTtlMs: pick(chance, [3_000, 60_000, 60_000]),
    maxPendingBytes: pick(chance, [0, 50_000, 1_048_576]),
    writeTimeoutMs: pick(chance, [0, 5_000]),
  };
}

function actionOf(does: Action["does"], chance: Chance, setting: Setting, isLarge: boolean): Action {
  const client = below(chance, setting.clients);
  const node = below(chance, setting.nodes);
  const channel = below(chance, setting.streams.length * 2);
  switch (does) {
    case "publish":
      return { does, node, items: Array.from({ length: pick(chance, [1, 1, 1, 2, 3, 7]) }, () => publicationOf(chance, setting, isLarge)) };
    case "connect":
      return { does, client, node, returns: chance() < 0.85, asks: maybe(chance, 0.7, () => (chance() < 0.8 ? HONEST : askOf(chance))) };
    case "subscribe":
      return { does, client, channel, history: maybe(chance, 0.6, () => askOf(chance)) };
    case "ask":
      return { does, client, channel, history: askOf(chance) };
    case "unsubscribe":
      return { does, client, channel };
    case "drop":
      return { does, client, how: pick(chance, ["abrupt", "abrupt", "unnoticed", "clean"]), share: pick(chance, [0, 1, chance()]) };
    case "stall":
    case "drain":
    case "flow":
    case "lag":
    case "read":
      return { does, client };
    case "pass":
      return { does, ms: pick(chance, [100, 999, 1_100, 2_500, 6_000, 11_000, 40_000]) };
    case "rest":
      return { does, until: pick(chance, ["microtasks", "turn", "turn", "settled", "settled"]) };
    case "restart node":
    case "cut":
    case "mend":
      return { does, node };
    case "lose data":
      return { does };
    case "restart broker":
      return { does, keeps: pick(chance, ["all", "nothing", "an older state"]) };
  }
}

const HONEST: AskPlan = { position: "honest", since: "last read" };

function askOf(chance: Chance): AskPlan {
  return {
    position: pick(chance, ["honest", "honest", "honest", "honest", "none", "none", "one", "older", "newest", "beyond", "zero", "absurd"]),
    since: pick(chance, ["last read", "last read", undefined, 0, -3, -60, 5]),
  };
}

function publicationOf(chance: Chance, setting: Setting, isLarge: boolean): PublicationPlan {
  return {
    stream: below(chance, setting.streams.length),
    isLarge: isLarge && chance() < 0.6,
    isTransient: chance() < 0.1,
    excludes: maybe(chance, 0.05, () => below(chance, setting.clients)),
  };
}

function below(chance: Chance, count: number): number {
  return Math.floor(chance() * count);
}

function pick<Item>(chance: Chance, items: readonly Item[]): Item {
  return items[below(chance, items.length)]!;
}

function maybe<Item>(chance: Chance, probability: number, make: () => Item): Item | undefined {
  return chance() < probability ? make() : undefined;
}
