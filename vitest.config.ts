import { defineConfig } from 'vitest/config';

/** Four suites by what they need: nothing, the bench, foreign programs, a real browser. */
function suite(name: string, testTimeout: number) {
  return {
    test: {
      name,
      include: [`test/${name}/**/*.test.{ts,tsx}`],
      testTimeout,
      hookTimeout: 60_000,
      pool: 'forks' as const,
    },
  };
}

export default defineConfig({
  test: {
    projects: [suite('unit', 10_000), suite('bench', 30_000), suite('peer', 120_000), suite('e2e', 120_000)],
  },
});
