import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, it } from 'vitest';
import { Prng } from '#main/bench/prng.ts';
import { openLogOf } from '#main/app/compose-home.ts';
import type { UnitRecord } from '#shared/model/unit-record.ts';
import { runCli, startCli } from '#test/support/cli.ts';

const home = mkdtempSync(join(tmpdir(), 'flashline-kill-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** By the command line, as a user has it; kill-nine.test.ts has many more. */
const KILLS = 8;
/** A run of the demo takes 0.6 s of virtual time; killing goes on a little beyond it. */
const LONGEST_MS = 750;

/** What a killed process managed to say. */
interface Said {
  readonly run: string;
  readonly passed: boolean;
}

async function flashAndKill(serial: string, afterMs: number): Promise<Said | null> {
  const args = ['flash', '--release', 'resources/demo/hello-nrf52840', '--serial', serial, '--probe', 'bench:nrf52840'];
  const cli = startCli([...args, '--bench-pace', '1', '--json'], { home });
  await cli.waitFor('run.started');
  await sleep(afterMs);
  cli.child.kill('SIGKILL');
  const { stdout } = await cli.ended;
  const run = /"run":"([0-9a-f]+)"/.exec(stdout)?.[1];
  return run === undefined ? null : { run, passed: /"type":"run.finished".*"verdict":"PASS"/.test(stdout) };
}

it('shows every run that was killed as INTERRUPTED, and no other verdict than the true one', async () => {
  const random = new Prng(20_260_301);
  const said: Said[] = [];
  for (let i = 0; i < KILLS; i++) {
    const heard = await flashAndKill(`HB${String(i).padStart(6, '0')}`, random.next() % LONGEST_MS);
    if (heard) said.push(heard);
  }
  expect(said).toHaveLength(KILLS);

  const next = await runCli(
    ['flash', '--release', 'resources/demo/hello-nrf52840', '--serial', 'HB900000', '--probe', 'bench:nrf52840'],
    { home },
  );
  expect(next.code).toBe(0);

  const log = await openLogOf(home);
  const records = new Map((await log.records({})).map((record) => [record.run, record]));
  expect(records.size).toBe(KILLS + 1);
  expect(await log.openRuns()).toEqual([]);
  expect((await log.verify()).fault).toBeNull();
  // What was on a screen is what is in the log; a PASS may be in the log although the screen died before it.
  const lost = said.filter(({ run, passed }) => {
    const verdict = records.get(run)?.verdict;
    return passed ? verdict !== 'PASS' : verdict !== 'PASS' && verdict !== 'INTERRUPTED';
  });
  expect(lost).toEqual([]);
  const isProven = (record: UnitRecord) =>
    record.images.every((image) => image.sha256.readBack === image.sha256.expected);
  expect([...records.values()].filter((record) => isProven(record) !== (record.verdict === 'PASS'))).toEqual([]);
  const verdicts = [...records.values()].map(({ verdict }) => verdict);
  expect(verdicts.filter((verdict) => verdict === 'INTERRUPTED').length).toBeGreaterThan(KILLS / 2);
  await log.close();
}, 400_000);
