import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/**
 * These compare times with another program's, stop processes at a moment, or emulate a whole PC: a neighbour on the other core would
 * decide how they end.
 */
const ALONE = ['qemu-gdb', 'cli-qemu', 'plant-soak', 'usb-guest'].map((name) => `test/peer/${name}.test.ts`);

/** What a suite includes, and how long one of its tests may take where the machine has other things to do too. */
function suite(name: string, testTimeout: number, include = [`test/${name}/**/*.test.{ts,tsx}`]) {
  const exclude = include === ALONE ? [] : ALONE;
  // What is polled for comes at once or not at all: a second (the default) says nothing on a busy machine.
  const expect = { poll: { timeout: 15_000, interval: 20 } };
  const hookTimeout = Math.max(120_000, testTimeout);
  return { test: { name, include, exclude, testTimeout, hookTimeout, expect, pool: 'forks' as const } };
}

/** Four suites by what they need: nothing, the bench, foreign programs, a real browser; and those that nothing may run beside. */
export default defineConfig({
  test: {
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      suite('unit', 120_000),
      suite('bench', 120_000),
      suite('peer', 240_000),
      suite('e2e', 240_000),
      suite('alone', 240_000, ALONE),
    ],
  },
});
