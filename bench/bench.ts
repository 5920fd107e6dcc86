import type { Contender } from "./contenders.ts";
import type { Ports } from "./contenders.ts";
import type { Askable, CommandPlan, ConnectPlan, Endpoint, FanOutPlan, Figures, KeepPlan, Returning, ReturnPlan } from "./load/plan.ts";
import type { BenchOptions } from "./options.ts";

/** A plan without what is known only once the server runs. */
export type CasePlan = Body<FanOutPlan> | Body<ConnectPlan> | Body<CommandPlan> | Body<ReturnPlan> | Body<KeepPlan>;
type Body<Plan> = Omit<
  Plan,
  Exclude<keyof Endpoint, "isExtended"> | keyof Returning | keyof Askable | "serverPid" | "serverCore" | "loadCore" | "deadlineMs"
>;

/** One amount of work that all contenders are given. */
export interface BenchCase {
  readonly name: string;
  readonly plan: CasePlan;
}

/** What clients of one contender do otherwise. */
export type ClientTraits = Omit<Endpoint, "port" | "sid"> & Returning & Askable;

/** A server that keeps things for the one under test. */
export type Store = "redis" | "nats";

/** A server with something switched on. */
export interface Variant {
  readonly name: string;
  /** Options besides the usual ones; of one that is there twice, the last one counts. */
  readonly flags?: (ports: Ports) => readonly string[];
  readonly env?: (ports: Ports) => Readonly<Record<string, string>>;
  /** Of Node.js, when it is Ropeway. Default: none. */
  readonly nodeFlags?: readonly string[];
  /** What its clients have to do otherwise. */
  readonly client?: ClientTraits;
  /** Started anew for each run, on the generator's core. Default: none. */
  readonly store?: Store;
}

/** A figure that is shown, by its key in Figures. */
export interface Column {
  readonly figure: string;
  readonly header: string;
  readonly unit: string;
  readonly digits: number;
}

/** What Ropeway's figure shall be: as a ratio to the same figure of another contender, or in itself. */
export interface Target {
  /** Case that it is about. */
  readonly case: string;
  readonly figure: string;
  /** Whose figure, by name. Default: the first of ours. */
  readonly of?: string;
  readonly against?: string;
  readonly atMost?: number;
  readonly atLeast?: number;
}

/** How does a figure grow from one case to another? `atMost`: our growth divided by the baseline's, which is the machine's own. */
export interface Growth {
  readonly figure: string;
  readonly from: string;
  readonly to: string;
  readonly atMost: number;
}

/** One question, the work that answers it, and the answer that we want. */
export interface Bench {
  readonly name: string;
  readonly title: string;
  /** Whether the application answers over gRPC; otherwise the server runs alone, open to everybody. */
  readonly needsRpc: boolean;
  /** Whether somebody has to take what the server sends away: traces, metrics. Default false. */
  readonly needsSink?: boolean;
  /** Baselines beside us, by name. Default: none. */
  readonly baselines?: readonly string[];
  /** What is compared is Ropeway with itself, the first variant being what the others are measured by. Default: it is alone. */
  readonly variants?: readonly [Variant, ...Variant[]];
  /** What the peer has switched on beside our variants. Default: it takes part alone, and beside variants not at all. */
  readonly peers?: readonly Variant[];
  readonly cases: (options: BenchOptions) => readonly BenchCase[];
  readonly columns: readonly Column[];
  /** Default: none. */
  readonly targets?: readonly Target[];
  /** Pairs of cases whose figures are compared within each contender. */
  readonly growth?: readonly Growth[];
}

/** What one contender's runs of one case gave, in the order of the rounds. A failed run has no figures. */
export interface CaseResult {
  readonly case: string;
  readonly contender: Contender;
  readonly rounds: readonly (Figures | undefined)[];
  readonly failures: readonly string[];
}
