import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Row } from '#test/support/power/all.ts';
import { ROOT } from '#test/support/cli.ts';

/** In a process of its own, which no test runner's hooks slow down: some 20,000 runs. */
async function rowsOfSweep(): Promise<Row[]> {
  const child = spawn(process.execPath, [join(ROOT, 'test', 'support', 'power', 'main.ts')], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const code = await new Promise((resolve) => {
    child.on('close', resolve);
  });
  expect(code).toBe(0);
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Row);
}

it('leaves known-good firmware or a unit that refuses to boot, its journal says which, and the next run passes', async () => {
  const rows = await rowsOfSweep();
  expect(rows.map(({ family, over }) => `${family}, ${over}`)).toEqual(
    ['nRF52840, SWD', 'ESP32, UART', 'STM32F407, UART'].flatMap((way) => [
      `${way}, a blank unit`,
      `${way}, the release before`,
    ]),
  );
  expect(rows.flatMap(({ family, over, faults }) => faults.map((fault) => `${family}, ${over}: ${fault}`))).toEqual([]);
  const sum = (count: (row: Row) => number) => rows.reduce((all, row) => all + count(row), 0);
  expect(sum(({ cuts }) => cuts.packet + cuts.torn + cuts.after)).toBeGreaterThanOrEqual(20_000);
  // The sweep meets all there is to meet.
  for (const { over, outcomes, cuts } of rows) {
    expect(outcomes['refuses to boot']).toBeGreaterThan(100);
    expect(outcomes['new firmware']).toBeGreaterThan(20);
    expect(outcomes['old firmware'] > 10).toBe(over === 'the release before');
    expect(outcomes['old firmware'] + outcomes['new firmware'] + outcomes['refuses to boot']).toBe(
      cuts.packet + cuts.torn + cuts.after,
    );
  }
}, 1_800_000);
