import { seededRandom } from "../support/seeded-random.ts";
import { caseOf, type Action, type Case, type Weights } from "./actions.ts";
import { play, type Counts, type OpenGround, type Outcome } from "./play.ts";

export interface Exploration {
  readonly openGround: OpenGround;
  /** Nodes per case. */
  readonly nodes: number;
  /** Cases. `MODEL_RUNS` asks for more or fewer, `MODEL_SECONDS` for as many as there is time for. */
  readonly runs: number;
  /** Things that happen more or less often than on one node. */
  readonly weights?: Partial<Weights>;
  /** Cases that are played at the same time, where there is something to wait for. Default 1. */
  readonly atOnce?: number;
}

export interface Explored extends Counts {
  readonly runs: number;
}

/** Time for a shrinking, ms: each try is a case played. */
const SHRINKING_MS = 60_000;

/**
 * Plays one case after another, each of a seed of its own. The first that breaks the promise is made as small as can be and thrown, with its
 * seed: `MODEL_SEED` begins with that.
 */
export async function explore({ openGround, nodes, runs, weights, atOnce = 1 }: Exploration): Promise<Explored> {
  const { MODEL_SEED: seedText, MODEL_RUNS: runsText, MODEL_SECONDS: secondsText } = process.env;
  const firstSeed = seedText === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(seedText);
  const most = runsText === undefined ? (secondsText === undefined ? runs : Infinity) : Number(runsText);
  const untilMs = secondsText === undefined ? Infinity : performance.now() + Number(secondsText) * 1_000;
  const explored = { runs: 0, messages: 0, confirmed: 0, rejected: 0, restarts: 0 };
  let begun = 0;
  let broken: { readonly seed: number; readonly outcome: Outcome } | undefined;
  const caseFor = (seed: number): Case => caseOf(seededRandom(seed), nodes, weights);
  const player = async (): Promise<void> => {
    while (begun < most && broken === undefined && performance.now() < untilMs) {
      const seed = firstSeed + begun++;
      // Where things happen at once, it may never be seen again.
      const outcome = await play(caseFor(seed), openGround, atOnce > 1);
      const { faults, counts } = outcome;
      if (faults.length > 0) broken ??= { seed, outcome };
      explored.runs++;
      explored.messages += counts.messages;
      explored.confirmed += counts.confirmed;
      explored.rejected += counts.rejected;
      explored.restarts += counts.restarts;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, player));
  if (broken !== undefined) throw new Error(await report(broken.seed, broken.outcome, caseFor(broken.seed), openGround, atOnce));
  return explored;
}

/** @param tries how often a case is played before it counts as sound: where there is real time in it, it is another one each time */
async function report(seed: number, seen: Outcome, one: Case, openGround: OpenGround, tries: number): Promise<string> {
  const failing = async (candidate: Case): Promise<Outcome | undefined> => {
    const outcomes = await Promise.all(Array.from({ length: tries }, () => play(candidate, openGround, true)));
    return outcomes.find(({ faults }) => faults.length > 0);
  };
  const again = await failing(one);
  const [small, { faults, trace }] = again === undefined ? [one, seen] : await shrink(one, again, failing);
  return [
    `MODEL_SEED=${seed} breaks the promise (${one.actions.length} actions, shrunk to ${small.actions.length}):`,
    ...faults.map((fault) => `  ${fault}`),
    "setting:",
    `  ${JSON.stringify(small.setting)}`,
    "what happened:",
    ...trace.map((line) => `  ${line}`),
  ].join("\n");
}

/** Leaves out what is not needed for the fault: large parts first. */
async function shrink(
  one: Case,
  outcome: Outcome,
  failing: (candidate: Case) => Promise<Outcome | undefined>,
): Promise<readonly [Case, Outcome]> {
  let actions: readonly Action[] = one.actions;
  let smallest = outcome;
  const untilMs = performance.now() + SHRINKING_MS;
  for (let size = Math.ceil(actions.length / 2); size >= 1;) {
    let isSmaller = false;
    for (let at = 0; at < actions.length && performance.now() < untilMs;) {
      const rest = [...actions.slice(0, at), ...actions.slice(at + size)];
      const failed = await failing({ ...one, actions: rest });
      if (failed === undefined) {
        at += size;
      } else {
        actions = rest;
        smallest = failed;
        isSmaller = true;
      }
    }
    if (!isSmaller || size > 1) size = size === 1 ? 0 : Math.floor(size / 2);
  }
  return [{ ...one, actions }, smallest];
}
