import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { RunEvent } from '#shared/model/run-event.ts';
import { runCli } from '#test/support/cli.ts';

const DEMO = 'resources/demo/hello-nrf52840';
const LOCKED = 'bench:nrf52840?fault=protected';
const folder = mkdtempSync(join(tmpdir(), 'flashline-unlock-'));
const home = join(folder, 'home');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const objects = (lines: readonly string[]): unknown[] => lines.map((line) => JSON.parse(line));

describe('a locked unit on the command line', () => {
  it('is refused by flash with 2, and the remedy names the recipe’s field', async () => {
    const end = await runCli(['flash', '--release', DEMO, '--serial', 'HB000001', '--probe', LOCKED], { home });
    expect(end.code).toBe(2);
    expect(end.stdout).toContain('Code:   chip-protected');
    expect(end.stdout).toContain('unlock: mass-erase');
  });

  it('is erased and flashed where the recipe says so; events and record tell', async () => {
    const release = join(folder, 'release');
    cpSync(DEMO, release, { recursive: true });
    const recipe = join(release, 'recipe.yaml');
    writeFileSync(recipe, `${readFileSync(recipe, 'utf8')}\nunlock: mass-erase\n`);
    const args = ['flash', '--release', release, '--serial', 'HB000002', '--probe', LOCKED, '--json'];
    const end = await runCli(args, { home });
    expect(end.code).toBe(0);
    const events = end.lines.map((line) => RunEvent.parse(JSON.parse(line)));
    const steps = events.flatMap((event) => (event.type === 'step.started' ? [event.step] : []));
    expect(steps.slice(0, 3)).toEqual(['connect', 'unlock', 'identify']);
    expect(events.at(-1)).toMatchObject({
      verdict: 'PASS',
      record: {
        unlocked: { APPROTECTSTATUS: 'protected (0)' },
        locks: { APPROTECT: '0xFFFFFFFF', APPROTECTSTATUS: 'not protected (1)' },
        reach: { product: expect.stringContaining('CMSIS-DAP'), protocol: 'swd', usedHz: expect.any(Number) },
      },
    });
  });

  it('is one that a recipe locked: its record tells, and the next run needs to be told to open it', async () => {
    const release = join(folder, 'locking');
    cpSync(DEMO, release, { recursive: true });
    const recipe = join(release, 'recipe.yaml');
    writeFileSync(recipe, `${readFileSync(recipe, 'utf8')}\nlocks: [{ step: readout-protection }]\n`);
    const args = ['flash', '--release', release, '--serial', 'HB000003', '--probe', 'bench:nrf52840', '--json'];
    const end = await runCli(args, { home });
    const events = end.lines.map((line) => RunEvent.parse(JSON.parse(line)));
    const steps = events.flatMap((event) => (event.type === 'step.started' ? [event.step] : []));
    expect(steps.slice(-3)).toEqual(['lock', 'start', 'record']);
    expect(events.at(-1)).toMatchObject({
      verdict: 'PASS',
      record: { locks: { APPROTECTSTATUS: 'protected (0)', APPROTECT: 'cannot be read' } },
    });
  });

  it('is told by identify as far as it lets itself be looked at', async () => {
    const end = await runCli(['identify', '--probe', LOCKED, '--json'], { home });
    expect(end.code).toBe(2);
    expect(objects(end.lines)).toMatchObject([
      { type: 'debug', debugPort: { value: 0x2ba0_1477 }, accessPorts: [{ at: 0 }, { at: 1 }] },
      { type: 'failed', code: 'chip-protected' },
    ]);
  });

  it('is opened by unlock, which wants to hear that it is meant', async () => {
    const unsure = await runCli(['unlock', '--probe', LOCKED], { home });
    expect(unsure.code).toBe(2);
    expect(unsure.stderr).toContain('--yes');
    const sure = await runCli(['unlock', '--probe', LOCKED, '--yes', '--json'], { home });
    expect(sure.code).toBe(0);
    expect(objects(sure.lines)).toMatchObject([
      { type: 'unlocked', chip: 'nrf52840', erased: true, now: { APPROTECTSTATUS: 'not protected (1)' } },
    ]);
    const open = await runCli(['unlock', '--probe', 'bench:nrf52840', '--yes'], { home });
    expect(open.stdout).toContain('was not locked; nothing was done');
  });
});

it('identify shows an open unit whole: core, access ports, ROM table, wire', async () => {
  const end = await runCli(['identify', '--probe', 'bench:nrf52840', '--verbose'], { home });
  expect(end.code).toBe(0);
  for (const text of [
    /^debug port +0x2BA01477 \(DPv1, ARM 0xba\)$/m,
    /^AP 0 +0x24770011 \(AHB3-AP\), ROM table at 0xE00FF000$/m,
    /^core +Cortex-M4 r0p1 \(0x410FC241\)$/m,
    /^ +0xE00FF000 {2}ROM table \(Cortex-M4\)$/m,
    /^ +0xE000E000 {2}SCS \(Cortex-M4\)$/m,
    /^wire +SWD at \d+ kHz/m,
  ])
    expect(end.stdout).toMatch(text);
});
