import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { RunEvent } from '#shared/model/run-event.ts';
import { UnitRecord } from '#shared/model/unit-record.ts';
import { type CliEnd, runCli, startCli } from '#test/support/cli.ts';

const RELEASE = 'resources/demo/hello-nrf52840';
const BENCH = 'bench:nrf52840';
const folder = mkdtempSync(join(tmpdir(), 'flashline-gang-'));
let home = folder;
let homes = 0;
beforeEach(() => {
  homes += 1;
  home = join(folder, String(homes));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const serialOf = (index: number) => `HB${String(index + 1).padStart(6, '0')}`;

function gangArguments(probes: readonly string[], serials = probes.map((_, index) => serialOf(index))): string[] {
  return ['gang', '--release', RELEASE, '--serials', serials.join(','), '--probes', probes.join(',')];
}

const gang = (probes: readonly string[], ...more: string[]) => runCli([...gangArguments(probes), ...more], { home });
const eventsOf = (end: CliEnd) => end.lines.map((line) => RunEvent.parse(JSON.parse(line)));
/** Modelled time of a run: its steps by the board's own clock. */
const msOf = (record: UnitRecord | null | undefined) => (record?.steps ?? []).reduce((sum, { ms }) => sum + ms, 0);

function finishedOf(end: CliEnd): Map<string, Extract<RunEvent, { type: 'run.finished' }>> {
  const finished = eventsOf(end).filter((event) => event.type === 'run.finished');
  return new Map(finished.map((event) => [event.record?.slot ?? '', event]));
}

describe('flashline gang on the bench', () => {
  it('runs 16 slots at once, each as fast as alone, and bad ones harm no other', { timeout: 60_000 }, async () => {
    const bad = new Map([
      [2, ['unplug:60', 'ERROR', 'probe-lost']],
      [7, ['silent:40', 'ERROR', 'probe-silent']],
      [11, ['no-target', 'ERROR', 'no-target']],
      [14, ['stuck-bit@0x2000.2', 'FAIL', 'verify-mismatch']],
    ]);
    const probes = Array.from({ length: 16 }, (_, index) => {
      const [fault] = bad.get(index) ?? [];
      return fault === undefined ? BENCH : `${BENCH}?fault=${fault}`;
    });
    const alone = await runCli(['flash', '--release', RELEASE, '--serial', serialOf(0), '--probe', BENCH, '--json'], {
      home: join(home, 'alone'),
    });
    const together = await gang(probes, '--json');
    expect(together.code).toBe(3);
    const finished = finishedOf(together);
    expect(finished.size).toBe(16);
    const lone = msOf(eventsOf(alone).findLast((event) => event.type === 'run.finished')?.record);
    expect(lone).toBeGreaterThan(100);
    for (let index = 0; index < 16; index++) {
      const event = finished.get(String(index + 1));
      const [, verdict = 'PASS', code] = bad.get(index) ?? [];
      expect([index, event?.verdict, event?.code]).toEqual([index, verdict, code]);
      expect(event?.record?.serial).toBe(serialOf(index));
      const ratio = msOf(event?.record) / lone;
      expect([index, verdict !== 'PASS' || (ratio > 0.95 && ratio < 1.05)]).toEqual([index, true]);
    }
    // Every run begins once, and its end is the last that is told of it.
    const events = eventsOf(together);
    const runs = new Set(events.map(({ run }) => run));
    expect(runs.size).toBe(16);
    for (const run of runs) {
      const own = events.filter((event) => event.run === run).map(({ type }) => type);
      expect([own[0], own.at(-1)]).toEqual(['run.started', 'run.finished']);
      expect(own.filter((type) => type === 'run.finished')).toHaveLength(1);
    }
    // The slots did run at the same time: the last began before the first had ended.
    const types = events.map(({ type }) => type);
    expect(types.lastIndexOf('run.started')).toBeLessThan(types.indexOf('run.finished'));
    const { lines } = await runCli(['log', 'show', '--json'], { home });
    expect(lines.map((line) => UnitRecord.parse(JSON.parse(line)).serial).toSorted()).toEqual(
      probes.map((_, index) => serialOf(index)),
    );
  });

  it('tells people each change and ends with a table', async () => {
    const end = await gang([BENCH, `${BENCH}?fault=stuck-bit@0x2000.2`]);
    expect(end.code).toBe(1);
    for (const step of ['connect', 'program', 'verify']) expect(end.lines).toContain(`[ 1] HB000001  ${step}`);
    expect(end.lines).toContain('[ 2] HB000002  FAIL verify-mismatch');
    const table = end.stdout.slice(end.stdout.indexOf('-----'));
    expect(table).toMatch(/^ {2}1 {2}HB000001 +PASS +\d+\.\d{3} s {2}bench:nrf52840$/m);
    expect(table).toMatch(/^ {2}2 {2}HB000002 +FAIL /m);
    expect(table).toContain('To do:');
    expect(table).toMatch(/^1 of 2 passed$/m);
  });

  it('passes with 0, refuses one that passed with 3, and flashes it again for rework', async () => {
    expect((await gang([BENCH, BENCH], '--json')).code).toBe(0);
    const again = await gang([BENCH, BENCH], '--json');
    expect(again.code).toBe(3);
    expect([...finishedOf(again).values()].map(({ code }) => code)).toEqual(['already-passed', 'already-passed']);
    expect((await gang([BENCH, BENCH], '--rework', '--json')).code).toBe(0);
  });

  it('goes on with the others when a serial is not one of this product', async () => {
    const args = gangArguments([BENCH, BENCH], ['HB000001', 'WRONG']);
    const end = await runCli([...args, '--json'], { home });
    expect(end.code).toBe(2);
    const told = end.lines.map((line): unknown => JSON.parse(line));
    expect(told).toContainEqual(expect.objectContaining({ type: 'failed', code: 'serial-pattern' }));
    expect(told.at(-1)).toMatchObject({ type: 'run.finished', verdict: 'PASS' });
  });

  it.each([
    ['more probes than units', gangArguments([BENCH, BENCH], ['HB000001'])],
    ['a unit twice', gangArguments([BENCH, BENCH], ['HB000001', 'HB000001'])],
    ['a real probe twice', gangArguments(['cmsis-dap:@1-2', 'cmsis-dap:@1-2'])],
    ['an empty place', gangArguments([BENCH, ''])],
    ['what is no probe', gangArguments([BENCH, 'usb0'])],
  ])('refuses %s before anything is touched', async (_, args) => {
    const end = await runCli([...args, '--json'], { home });
    expect(end.code).toBe(2);
    expect(end.lines).toHaveLength(1);
  });

  it('aborts every slot on Ctrl+C, with 4', async () => {
    const gangOf = startCli([...gangArguments([BENCH, BENCH, BENCH]), '--bench-pace', '1', '--json'], { home });
    await gangOf.waitFor('step.progress');
    gangOf.child.kill('SIGINT');
    const end = await gangOf.ended;
    expect(end.code).toBe(4);
    expect([...finishedOf(end).values()].map(({ verdict }) => verdict)).toEqual(['ABORTED', 'ABORTED', 'ABORTED']);
  });
});
