import { availableParallelism } from "node:os";
import { configDefaults, defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts", "native/**/*.test.ts"],
    // What only a server can do: `npm run test:postgres`.
    exclude: [...configDefaults.exclude, "test/postgres/**", "test/citus/**"],
    // Worker threads run compiled JavaScript, so the build is made before the first test.
    globalSetup: ["test/global-setup.ts"],
    pool: "forks",
    // One more than Vitest would take of two processors: many a test waits for a thread or a process of its own.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
