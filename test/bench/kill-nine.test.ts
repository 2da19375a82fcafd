import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { openLogOf } from '#main/app/compose-home.ts';
import { bundleKillWorker } from '#test/support/power/kill-bundle.ts';
import { killStations } from '#test/support/power/kills.ts';

const KILLS = 200;
const home = mkdtempSync(join(tmpdir(), 'flashline-kill-nine-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** What a unit may hold that is told of in this way; no record at all: the run had not begun. */
const MAY_HOLD: Readonly<Record<string, readonly string[]>> = {
  none: ['old'],
  'interrupted-untouched': ['old'],
  interrupted: ['old', 'neither'],
  'interrupted-finishing': ['neither', 'new'],
  'interrupted-locking': ['new'],
  PASS: ['new'],
};

it('of the station at 200 moments: each unit is as its record says, none is lost or false, and the next run passes', async () => {
  const { lines, units, lived } = await killStations(await bundleKillWorker(), home, KILLS);
  expect(lived.filter((line) => line?.told !== 'outlived' || line.verdict !== 'PASS')).toEqual([]);
  const found = lines.filter((line) => line.told === 'found');
  const isTrue = ({ codes, end, holds }: (typeof found)[number]) =>
    (MAY_HOLD[codes[0] ?? 'none'] ?? []).includes(holds) && end === (holds === 'neither' ? 'refuses' : 'boots');
  expect(found.filter((line) => !isTrue(line))).toEqual([]);
  const again = lines.filter((line) => line.told === 'again');
  expect(again.filter(({ verdict, isDone }) => verdict !== 'PASS' || !isDone)).toEqual([]);
  expect([found.length, again.length]).toEqual([units, units]);
  expect(units).toBeGreaterThanOrEqual(KILLS + 1);
  // All there is was met.
  const met = new Set(found.flatMap(({ codes, holds }) => [codes[0] ?? 'none', holds]));
  expect([...met]).toEqual(
    expect.arrayContaining(['interrupted', 'interrupted-untouched', 'interrupted-locking', 'old', 'new', 'neither']),
  );

  const log = await openLogOf(home);
  expect((await log.verify()).fault).toBeNull();
  expect(await log.openRuns()).toEqual([]);
  const records = await log.records({ limit: 10 * KILLS });
  const byRun = new Map(records.map((record) => [record.run, record.verdict]));
  expect(byRun.size).toBe(records.length);
  const said = lines.flatMap((line) =>
    line.told === 'found' ? [] : [{ run: line.run, verdict: 'verdict' in line ? line.verdict : null }],
  );
  // What was on a screen is what is in the log; a PASS may be there although its screen died before it.
  const lost = said.filter(({ run, verdict }) =>
    verdict === null ? !['PASS', 'INTERRUPTED'].includes(byRun.get(run) ?? '') : byRun.get(run) !== verdict,
  );
  expect(lost).toEqual([]);
  const ofRuns = new Set(said.map(({ run }) => run));
  // A run that was killed before anybody was told of it changed nothing.
  const untold = records.filter(({ run }) => !ofRuns.has(run));
  expect(untold.filter(({ failure }) => failure?.code !== 'interrupted-untouched')).toEqual([]);
  await log.close();
}, 1_800_000);
