/** Loaded into a server by `--import`, with `--expose-gc`: it collects all its garbage on SIGUSR2. */
const { gc } = globalThis;
if (gc === undefined) throw new Error("start Node.js with --expose-gc");
process.on("SIGUSR2", () => {
  // What finalizers let go of is found by the second one.
  gc();
  gc();
});
