import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { RunEvent } from '#shared/model/run-event.ts';
import { cliHere } from '#test/support/cli-here.ts';
import { espImage, firmware } from '#test/support/esp-unit.ts';
import { productConfig } from './atecc-rig.ts';
import { application } from './releases.ts';

const folder = mkdtempSync(join(tmpdir(), 'flashline-release-locks-'));
const home = join(folder, 'home');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const cortex = (base: number) => application(1500, 5, base).image.segments[0]?.data ?? new Uint8Array();

/** A unit of each kind that has steps of no return, and small firmware for it. */
const KINDS = [
  { chip: 'nrf52840', via: 'swd', address: 0, bytes: cortex(0), locks: '{ step: readout-protection }' },
  {
    chip: 'stm32f407vg',
    via: 'uart',
    address: 0x0800_0000,
    bytes: cortex(0x0800_0000),
    locks: '{ step: readout-protection }',
  },
  { chip: 'w25q128jv', via: 'spi', address: 0, bytes: cortex(0), locks: '{ step: block-protection }' },
  {
    chip: 'esp32-c3',
    via: 'uart',
    address: 0x10000,
    bytes: espImage(5, firmware(0x1000, 2)),
    locks: '{ step: esp-disable-jtag }',
  },
  {
    chip: 'atecc608b',
    via: 'i2c',
    address: 0x10,
    bytes: productConfig().subarray(0x10),
    locks: '{ step: atecc-config }',
  },
] as const;

function recipe({ chip, via, address, bytes, locks }: (typeof KINDS)[number]): string {
  writeFileSync(join(folder, `${chip}.bin`), bytes);
  const file = join(folder, `${chip}.yaml`);
  const role = chip === 'atecc608b' ? 'manufacturing' : 'application';
  writeFileSync(
    file,
    `schema: 1
product: { id: released, revision: A, name: Released }
chip: ${chip}
interface: ${via}
images: [{ role: ${role}, file: ${chip}.bin, version: 1.0.0, address: ${address} }]
locks: [${locks}]
lockRelease: supervisor
serial: { pattern: '^HB[0-9]{6}$' }
`,
  );
  return file;
}

type Person = Pick<Parameters<typeof cliHere>[1], 'env' | 'askSecret'>;

async function flash(kind: (typeof KINDS)[number], serial: string, more: readonly string[] = [], person: Person = {}) {
  const place = ['--release', recipe(kind), '--serial', serial, '--probe', `bench:${kind.chip}`];
  const end = await cliHere(['flash', ...place, '--json', ...more], { home, ...person });
  return { ...end, events: end.lines.map((line) => RunEvent.parse(JSON.parse(line))) };
}

describe('locks that a badge releases, from the command line', () => {
  it.each(KINDS)('wait, and are set when a supervisor’s is there: $chip by $via', async (kind) => {
    const serial = `HB10000${KINDS.indexOf(kind)}`;
    const { events, code } = await flash(kind, serial, ['--release-locks-as', 'supervisor']);
    const types = events.map((event) => ('step' in event ? event.step : event.type));
    expect(types.indexOf('lock.waiting')).toBeGreaterThan(types.lastIndexOf('verify'));
    expect(types.indexOf('lock')).toBeGreaterThan(types.indexOf('lock.released'));
    expect(events.at(-1)).toMatchObject({ verdict: 'PASS', record: { locksReleasedBy: 'bench-supervisor' } });
    expect(code).toBe(0);
  });

  it('stay open for another role: the run is ended, and nothing of it locked', async () => {
    const refused = await flash(KINDS[0], 'HB000002', ['--release-locks-as', 'quality']);
    expect(refused.code).toBe(4);
    expect(refused.stderr).toContain('badge-no-role');
    expect(refused.events.at(-1)).toMatchObject({ code: 'aborted-before-locks', record: { verdict: 'ABORTED' } });
    expect(refused.events.some((event) => event.type === 'step.started' && event.step === 'lock')).toBe(false);
  });

  it('take the code from the environment or from who is asked, and never say it', async () => {
    const asked: string[] = [];
    const askSecret = async (prompt: string) => {
      asked.push(prompt);
      return '*BADGE:bench-supervisor*';
    };
    expect((await flash(KINDS[0], 'HB000003', [], { askSecret })).events.at(-1)).toMatchObject({ verdict: 'PASS' });
    expect(asked).toEqual(['Badge (supervisor): ']);
    const given = await flash(KINDS[0], 'HB000004', [], { askSecret, env: { FLASHLINE_BADGE: 'bench-supervisor' } });
    expect(given.events.at(-1)).toMatchObject({ verdict: 'PASS' });
    const unknown = await flash(KINDS[0], 'HB000005', [], { env: { FLASHLINE_BADGE: 'Z9-SECRET-77' } });
    expect(unknown.code).toBe(4);
    expect(unknown.stderr).toContain('not-enrolled');
    expect(`${unknown.stdout}${unknown.stderr}`).not.toContain('SECRET');
    expect(asked).toHaveLength(1);
  });

  it('end the run where nobody can be asked', async () => {
    const { code, stderr, events } = await flash(KINDS[0], 'HB000006');
    expect([code, events.at(-1)?.type]).toEqual([4, 'run.finished']);
    expect(stderr).toContain('FLASHLINE_BADGE');
  });

  it.each([
    [
      'nobody stands in for a person',
      2,
      ['cmsis-dap:@1-2.3', '--release-locks-as', 'supervisor'],
      '--release-locks-as',
    ],
    ['there is no such role', 2, ['bench:nrf52840', '--release-locks-as', 'chef'], '--release-locks-as'],
    ['this station has no plant, and the probe is not looked for', 3, ['cmsis-dap:@1-2.3'], 'lock-release-no-plant'],
  ])('are refused before anything is touched: %s', async (_why, code, more, words) => {
    const args = ['flash', '--release', recipe(KINDS[0]), '--serial', 'HB000007', '--probe', ...more];
    const end = await cliHere(args, { home });
    expect(end.code).toBe(code);
    expect(`${end.stdout}${end.stderr}`).toContain(words);
  });

  it('are not for a gang on the command line', async () => {
    const units = ['--serials', 'HB000008,HB000009', '--probes', 'bench:nrf52840,bench:nrf52840'];
    const end = await cliHere(['gang', '--release', recipe(KINDS[0]), ...units], { home });
    expect(end.code).toBe(2);
    expect(end.stderr).toContain('released by a badge');
  });
});
