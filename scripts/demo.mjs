// `npm run demo`: installs and builds what is missing, then becomes the demo. Arguments go to it: `npm run demo -- --help`.

import { checkNode, installDependencies, Stop } from "./toolbox.mjs";
import { build } from "./build.mjs";

try {
  checkNode();
  await installDependencies();
  const failed = await build({ isQuick: true });
  if (failed.length > 0) throw new Stop(`It can't be built: ${failed.join(", ")}.`);
  // In this process, so that Ctrl-C reaches the demo and nobody else.
  await import("../build/examples/chat/main.js");
} catch (error) {
  if (!(error instanceof Stop)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
