import { systemClock } from "../clock.ts";
import { checkConfig, type ConfigReport } from "../config/check.ts";
import type { Config } from "../config/config.ts";
import type { LoadOptions } from "../config/load.ts";
import { CableError } from "../errors.ts";
import { silentLogger } from "../logger.ts";
import { assemble } from "./assemble.ts";
import { renderReport } from "./check-text.ts";

const usage = `Usage: ropeway config check [--all] [--json] [--flag value]...

Says what the configuration means, without starting: every value that is set, where it comes from, and what is wrong, unsafe, deprecated
or without effect. Takes the flags of the server, reads the same variables and the same file. Secrets are not printed.

  --all   the options that are not set, too
  --json  for programs

Ends with 0 when the server would start, else with 1.`;

/** `ropeway config check`: prints the report. `from.argv` is what follows the command. Resolves to the exit code. */
export async function check(from: LoadOptions, version: string): Promise<0 | 1> {
  const { argv, switches } = ownSwitches(from.argv);
  if (switches.has("help")) {
    console.log(usage);
    return 0;
  }
  const { report, config } = checkConfig({ ...from, argv });
  const fault = config === undefined ? undefined : await faultOfAssembly(config, version);
  const whole: ConfigReport = fault === undefined ? report : { ...report, problems: [...report.problems, fault] };
  const isAll = switches.has("all");
  console.log(switches.has("json") ? renderJson(whole, isAll) : renderReport(whole, isAll));
  return whole.problems.length === 0 ? 0 : 1;
}

function ownSwitches(argv: readonly string[]): { readonly argv: readonly string[]; readonly switches: ReadonlySet<string> } {
  const own = (argument: string): string | undefined => {
    const name = /^--?(help|h|all|json)$/u.exec(argument)?.[1];
    return name === "h" ? "help" : name;
  };
  return {
    argv: argv.filter((argument) => own(argument) === undefined),
    switches: new Set(argv.flatMap((argument) => own(argument) ?? [])),
  };
}

/** Keys, certificates, paths and packages are looked at by the parts themselves, which are made here and never started. */
async function faultOfAssembly(config: Config, version: string): Promise<ConfigReport["problems"][number] | undefined> {
  try {
    await assemble(config, { logger: silentLogger, clock: systemClock(), version, nodeId: "check", phase: () => "starting" });
    return undefined;
  } catch (error) {
    if (!(error instanceof CableError)) throw error;
    return { code: error.code, message: error.message };
  }
}

function renderJson(report: ConfigReport, isAll: boolean): string {
  const options = report.options.filter(({ source }) => isAll || source !== "default");
  return JSON.stringify({ ok: report.problems.length === 0, ...report, configPath: report.configPath ?? null, options }, null, 2);
}
