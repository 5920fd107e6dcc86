/** Lets every promise go on that can go on without time or input. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
