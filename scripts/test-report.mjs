// A reporter of vitest: leaves what came of each file in the JSON file that ROPEWAY_TEST_REPORT names. vitest's own JSON does not have the
// errors that belong to no test.

import { writeFileSync } from "node:fs";

export default class TestReport {
  onTestRunEnd(modules, strayErrors) {
    const report = { files: [...modules].map(fileOf), strayErrors: strayErrors.map(({ message }) => message) };
    writeFileSync(process.env["ROPEWAY_TEST_REPORT"], JSON.stringify(report));
  }
}

function fileOf(module) {
  const tests = [...module.children.allTests()].map((test) => ({ name: test.fullName, state: test.result().state }));
  // A file that can't be loaded, or whose hooks fail, has no failing test.
  const errors = [module, ...module.children.allSuites()].flatMap((part) => part.errors());
  return { path: module.moduleId, tests, errors: errors.map(({ message }) => message.split("\n")[0]) };
}
