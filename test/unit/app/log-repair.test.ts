import { closeSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FlashlineError } from '#shared/model/failure.ts';
import type { CliContext } from '#main/app/commands/command.ts';
import { runCli } from '#main/app/commands/run-cli.ts';
import { failureTexts } from '#main/app/compose-home.ts';
import { repairLog } from '#main/app/repair-log.ts';
import { openLogDatabase } from '#main/log/log-database.ts';
import { SqliteUnitLog } from '#main/log/sqlite-unit-log.ts';
import { ROOT } from '#test/support/cli.ts';
import { failureOf } from '../release/failure-of.ts';
import { draft, opening, standingClock, temporaryFolder, Village } from '../log/fixtures.ts';

const RECORDS = 100;
const PAGE = 4096;
const folder = temporaryFolder();
const file = join(folder.path, 'station.db');
afterAll(() => folder.remove());

beforeAll(async () => {
  const database = openLogDatabase({ file, clock: standingClock(), warn: () => undefined });
  const log = new SqliteUnitLog(database, { clock: standingClock(), processes: new Village(1) });
  await Promise.all(
    database.transaction(() =>
      Array.from({ length: RECORDS }, (_, i) => [log.begin(opening(`r${i}`)), log.finish(draft(`r${i}`))]).flat(),
    ),
  );
  await log.close();
  const damaged = openSync(file, 'r+');
  writeSync(damaged, Buffer.alloc(PAGE, 0xa5), 0, PAGE, 9 * PAGE);
  closeSync(damaged);
});

it('a repair that is stopped while it works leaves the damaged log as it is, and nothing beside it', async () => {
  const before = readFileSync(file);
  const stop = new AbortController();
  const told: unknown[] = [];
  const tell = (...each: unknown[]) => told.push(each);
  const running = repairLog({ file, backups: folder.path, warn: tell, progress: tell, signal: stop.signal });
  // Its thread looks before each step, and has not begun yet.
  stop.abort(new FlashlineError('aborted'));
  expect(await failureOf(() => running)).toMatchObject({ code: 'log-opening-stopped' });
  expect(
    await failureOf(() => repairLog({ file, backups: folder.path, warn: tell, progress: tell, signal: stop.signal })),
  ).toMatchObject({ code: 'aborted' });
  expect(told).toEqual([]);
  expect(readFileSync(file).equals(before)).toBe(true);
  expect(readdirSync(folder.path).filter((name) => /salvag|damaged/.test(name))).toEqual([]);
});

const repair = (args: readonly string[]) => run(['log', 'repair', ...args]);

async function run(args: readonly string[], signal = new AbortController().signal) {
  const [lines, said]: [string[], string[]] = [[], []];
  const resources = join(ROOT, 'resources');
  const context: CliContext = {
    print: (line) => lines.push(line),
    printed: async () => true,
    say: (line) => said.push(line),
    terminal: null,
    env: { FLASHLINE_HOME: folder.path },
    signal,
    resources,
    appVersion: '0.0.0-test',
    describeFailure: failureTexts(resources),
  };
  return { code: await runCli(args, context), lines, said };
}

it('any command that is stopped while the log is mended for it leaves the damaged log as it is', async () => {
  const before = readFileSync(file);
  const stop = new AbortController();
  const running = run(['log', 'show', '--json'], stop.signal);
  // Its thread has not begun yet, and looks with every page and record.
  stop.abort(new FlashlineError('aborted'));
  const { code, lines } = await running;
  expect(code).toBe(4);
  expect(lines.map((line): unknown => JSON.parse(line))).toMatchObject([
    { type: 'failed', code: 'log-opening-stopped' },
  ]);
  expect(readFileSync(file).equals(before)).toBe(true);
  expect(readdirSync(folder.path).filter((name) => /salvag|damaged/.test(name))).toEqual([]);
});

it('log repair tells how far it is, then what it made', async () => {
  const { code, lines, said } = await repair(['--json']);
  expect(code).toBe(0);
  const told: unknown[] = lines.map((line) => JSON.parse(line));
  for (const step of ['check', 'copy', 'read', 'place'])
    expect(told).toContainEqual({ type: 'log.repairing', step, percent: expect.any(Number) });
  for (const step of ['read', 'place']) expect(told).toContainEqual({ type: 'log.repairing', step, percent: 100 });
  expect(told.at(-1)).toMatchObject({ type: 'log.repaired', file, isSetAside: true });
  expect(said.join('\n')).toContain('station-damaged');
  // The second time there is nothing to do but to look.
  const again = await repair([]);
  expect(again).toMatchObject({ code: 0 });
  expect(again.said.every((line) => line.startsWith('Pages and records looked at'))).toBe(true);
  expect(again.lines.join()).toMatch(/is whole: \d+ records/);
});
