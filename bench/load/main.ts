/** The load generator: one plan (JSON) as its argument, one result (JSON) on its output. Talks to 127.0.0.1 only. */
import { commands } from "./commands.ts";
import { connects } from "./connects.ts";
import { fail, succeed } from "./failure.ts";
import { fanOut } from "./fan-out.ts";
import { keeps } from "./keeps.ts";
import type { Figures, LoadPlan } from "./plan.ts";
import { returns } from "./returns.ts";

const plan = JSON.parse(process.argv[2] ?? "") as LoadPlan;

setTimeout(() => fail(`not done after ${plan.deadlineMs / 1_000} s: messages or answers are missing`), plan.deadlineMs).unref();

function run(): Promise<Figures> {
  switch (plan.kind) {
    case "fan-out":
      return fanOut(plan);
    case "connect":
      return connects(plan);
    case "commands":
      return commands(plan);
    case "return":
      return returns(plan);
    case "keep":
      return keeps(plan);
  }
}

run().then(succeed, (error: unknown) => fail(String(error)));
