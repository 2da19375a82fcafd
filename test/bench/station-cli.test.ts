import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { Plan } from '#shared/model/plan.ts';
import { RunEvent } from '#shared/model/run-event.ts';
import { UnitRecord } from '#shared/model/unit-record.ts';
import { type CliEnd, runCli, startCli } from '#test/support/cli.ts';

const RELEASE = 'resources/demo/hello-nrf52840';
const BENCH = 'bench:nrf52840';
const folder = mkdtempSync(join(tmpdir(), 'flashline-cli-'));
let home = folder;
let homes = 0;
beforeEach(() => {
  homes += 1;
  home = join(folder, String(homes));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function flash(serial: string, ...more: string[]): Promise<CliEnd> {
  return runCli(['flash', '--release', RELEASE, '--serial', serial, '--probe', BENCH, ...more], { home });
}

const eventsOf = (end: CliEnd) => end.lines.map((line) => RunEvent.parse(JSON.parse(line)));

async function records(): Promise<UnitRecord[]> {
  const { lines } = await runCli(['log', 'show', '--json'], { home });
  return lines.map((line) => UnitRecord.parse(JSON.parse(line)));
}

describe('flashline flash on the bench', () => {
  it('passes with 0: JSON events on stdout and nothing else, run.finished last and once', async () => {
    const end = await flash('HB000001', '--json');
    expect(end.code).toBe(0);
    const events = eventsOf(end);
    expect(events[0]?.type).toBe('run.started');
    expect(events.filter(({ type }) => type === 'run.finished')).toHaveLength(1);
    expect(events.at(-1)).toMatchObject({ type: 'run.finished', verdict: 'PASS' });
    const [record] = await records();
    expect(record).toMatchObject({ serial: 'HB000001', verdict: 'PASS', probe: BENCH, slot: '1' });
    for (const image of record?.images ?? []) expect(image.sha256.readBack).toBe(image.sha256.expected);
  });

  it('tells people each step, and at last the verdict', async () => {
    const end = await flash('HB000001');
    expect(end.code).toBe(0);
    for (const step of ['connect', 'identify', 'survey', 'program', 'verify', 'validate', 'start', 'record'])
      expect(end.stdout).toMatch(new RegExp(`^  ${step} +\\d+\\.\\d{3} s$`, 'm'));
    expect(end.stdout).toMatch(/^PASS {2}HB000001/m);
  });

  it.each([
    ['no-target', 3, 'ERROR', 'no-target'],
    ['stuck-bit@0x2000.2', 1, 'FAIL', 'verify-mismatch'],
    ['unplug:60', 3, 'ERROR', 'probe-lost'],
    ['wrong-chip', 2, 'ERROR', 'wrong-chip'],
  ])('ends %s with %i', async (fault, code, verdict, failure) => {
    const probe = `${BENCH}?fault=${fault}`;
    const end = await runCli(['flash', '--release', RELEASE, '--serial', 'HB000009', '--probe', probe, '--json'], {
      home,
    });
    expect(eventsOf(end).at(-1)).toMatchObject({ verdict, code: failure });
    expect(end.code).toBe(code);
    expect(await records()).toMatchObject([{ verdict, failure: { code: failure } }]);
  });

  it('names the address of a byte that did not hold', async () => {
    const probe = `${BENCH}?fault=bit-rot@0x2000.2`;
    const end = await runCli(['flash', '--release', RELEASE, '--serial', 'HB000009', '--probe', probe], { home });
    expect(end.code).toBe(1);
    expect(end.stdout).toMatch(/^FAIL/m);
    expect(end.stdout).toContain('0x00002000');
    for (const word of ['What:', 'Where:', 'To do:']) expect(end.stdout).toContain(word);
  });

  it('refuses a unit that passed with 3, unless for rework', async () => {
    await flash('HB000001', '--json');
    const again = await flash('HB000001', '--json');
    expect(again.code).toBe(3);
    expect(eventsOf(again).at(-1)).toMatchObject({ verdict: 'ERROR', code: 'already-passed' });
    const rework = await flash('HB000001', '--json', '--rework');
    expect(rework.code).toBe(0);
    expect((await records()).map(({ verdict, rework }) => ({ verdict, rework }))).toEqual([
      { verdict: 'PASS', rework: true },
      { verdict: 'ERROR', rework: false },
      { verdict: 'PASS', rework: false },
    ]);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('ends with 4 and a record on %s, through the wrapper', async (signal) => {
    const args = ['flash', '--release', RELEASE, '--serial', 'HB000001', '--probe', BENCH, '--bench-pace', '0.3'];
    const cli = startCli([...args, '--json'], { home, through: 'wrapper' });
    await cli.waitFor('"step":"program"');
    cli.child.kill(signal);
    const end = await cli.ended;
    expect(end.code).toBe(4);
    expect(eventsOf(end).at(-1)).toMatchObject({ type: 'run.finished', verdict: 'ABORTED', code: 'aborted' });
    expect(await records()).toMatchObject([{ verdict: 'ABORTED' }]);
  });

  it('prints a plan and touches nothing with --dry-run', async () => {
    const blind = await runCli(['flash', '--release', RELEASE, '--dry-run', '--json'], { home });
    const plan = Plan.parse(JSON.parse(blind.lines[0] ?? ''));
    expect(plan.operations.map(({ op }) => op)).toEqual([
      'invalidate',
      'erase',
      'program',
      'verify',
      'validate',
      'verify-flag',
    ]);
    const looked = await runCli(['flash', '--release', RELEASE, '--dry-run', '--json', '--probe', BENCH], { home });
    const forThis = Plan.parse(JSON.parse(looked.lines[0] ?? ''));
    expect(forThis.operations.map(({ op }) => op)).not.toContain('erase');
    expect(JSON.parse(looked.lines[0] ?? '')).toMatchObject({ proof: { by: 'read' } });
    expect(await records()).toEqual([]);
  });
});

describe('the other commands', () => {
  it('identify and read tell of a unit without a record', async () => {
    const out = join(folder, 'uicr.bin');
    const identity = await runCli(['identify', '--probe', BENCH, '--json'], { home });
    expect(JSON.parse(identity.lines[0] ?? '')).toMatchObject({ chip: 'nrf52840', locks: { APPROTECT: '0xFFFFFFFF' } });
    const read = await runCli(['read', '--probe', BENCH, '--address', '0x10001000', '--size', '4k', '--out', out], {
      home,
    });
    expect(read.code).toBe(0);
    expect(readFileSync(out).every((byte) => byte === 0xff)).toBe(true);
    expect(readFileSync(out)).toHaveLength(4096);
    expect(await records()).toEqual([]);
  });

  it('log verify ends with 0 for a whole chain, log export gives each record once', async () => {
    await flash('HB000001', '--json');
    await flash('HB000002', '--json');
    const verified = await runCli(['log', 'verify', '--json'], { home });
    expect(JSON.parse(verified.lines[0] ?? '')).toMatchObject({ records: 2, fault: null });
    const csv = await runCli(['log', 'export', '--format', 'csv'], { home });
    expect(csv.lines).toHaveLength(3);
    expect(csv.lines[1]).toContain('HB000001');
    const none = await runCli(['log', 'export', '--to', '2000-01-01'], { home });
    expect(none.lines).toEqual([]);
  });
});

it('flashes what bench serve offers, over gdb and TCP, and keeps it the second time', async () => {
  const server = startCli(['bench', 'serve', '--chip', 'nrf52840', '--as', 'tcp:0', '--json'], { home });
  await server.waitFor('bench.serving');
  const [, url] = /"url":"([^"]+)"/.exec(server.stdout()) ?? [];
  const args = ['flash', '--release', RELEASE, '--serial', 'HB000001', '--probe', url ?? '', '--json'];
  const first = await runCli(args, { home });
  const second = await runCli([...args, '--rework'], { home });
  server.child.kill('SIGINT');
  expect(eventsOf(first).at(-1)).toMatchObject({ verdict: 'PASS', record: { bytesSkipped: 0 } });
  expect(eventsOf(second).at(-1)).toMatchObject({ verdict: 'PASS', record: { bytesWritten: 0 } });
  expect((await server.ended).code).toBe(0);
});
