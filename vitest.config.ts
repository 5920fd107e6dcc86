import { defineConfig, type ViteUserConfig } from "vitest/config";

const config: ViteUserConfig = defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    pool: "forks",
    // Tests start real servers and a browser beside themselves: more at once only makes them wait for each other.
    maxWorkers: 2,
    testTimeout: 45_000,
    hookTimeout: 60_000,
    teardownTimeout: 5_000,
    // Its release imports folders, which Node.js does not do.
    server: { deps: { inline: ["@anycable/serverless-js"] } },
    // Of `expect.poll`: patience for a loaded machine. What comes in time is not waited for any longer.
    expect: { poll: { timeout: 20_000 } },
  },
});

export default config;
