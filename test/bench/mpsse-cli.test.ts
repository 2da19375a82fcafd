import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { RunEvent } from '#shared/model/run-event.ts';
import { runCli } from '#test/support/cli.ts';
import { cpldSvf } from '#test/support/cpld-svf.ts';
import { application, noise } from './releases.ts';

const folder = mkdtempSync(join(tmpdir(), 'flashline-mpsse-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const cli = (...args: readonly string[]) => runCli(args, { home: folder });

function release(chip: string, via: string, address: number, image: Uint8Array): string {
  const path = join(folder, chip);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'image.bin'), image);
  const recipe = `schema: 1
product: { id: board, revision: A, name: Board }
chip: ${chip}
interface: ${via}
images: [{ role: application, file: image.bin, address: ${address}, version: 1.0.0 }]
serial: { pattern: '^SB[0-9]+$' }
`;
  writeFileSync(join(path, 'recipe.yaml'), recipe);
  return path;
}

function lastEvent(lines: readonly string[]): RunEvent {
  return RunEvent.parse(JSON.parse(lines.at(-1) ?? 'null'));
}

describe('an EEPROM on the bench', () => {
  const path = release('24aa025e48', 'i2c', 0, noise(100, 4));
  const flash = (probe: string, serial: string) =>
    cli('flash', '--release', path, '--serial', serial, '--probe', probe, '--json');

  it('passes with its EUI-48 as hardware id, and the record says how it was reached', async () => {
    const end = await flash('bench:24aa025e48', 'SB1');
    expect(end.code).toBe(0);
    const reach = { product: 'Dual RS232-HS', protocol: 'i2c', askedHz: 400_000 };
    const uid = expect.stringMatching(/^0004a3[0-9a-f]{6}$/) as string;
    expect(lastEvent(end.lines)).toMatchObject({ verdict: 'PASS', record: { uid, reach } });
  });

  it.each([
    ['protected', 1, 'FAIL', 'flash-refused'],
    ['stuck-bit@0x4.1=0', 1, 'FAIL', 'verify-mismatch'],
    ['no-target', 3, 'ERROR', 'no-target'],
    ['stuck-sda', 3, 'ERROR', 'bus-stuck'],
    ['unplug:8', 3, 'ERROR', 'probe-lost'],
  ])('with %s ends with %i', async (fault, exit, verdict, code) => {
    const end = await flash(`bench:24aa025e48?fault=${fault}`, 'SB2');
    expect(end.code).toBe(exit);
    expect(lastEvent(end.lines)).toMatchObject({ verdict, code });
  });

  it('is identified and read without a recipe', async () => {
    const [identity, read] = await Promise.all([
      cli('identify', '--probe', 'bench:24aa025e48', '--json'),
      cli('read', '--probe', 'bench:24aa025e48', '--address', '0xfa', '--size', '6', '--out', join(folder, 'eui.bin')),
    ]);
    expect(read.code).toBe(0);
    const eui = (await readFile(join(folder, 'eui.bin'))).toString('hex');
    expect(JSON.parse(identity.lines[0] ?? '')).toMatchObject({ type: 'identity', uid: eui });
  });
});

describe('JTAG through an FT2232H on the bench', () => {
  it('flashes a microcontroller by its JTAG-DP', async () => {
    const [segment] = application(6000, 5, 0x0800_0000).image.segments;
    const image = segment?.data ?? new Uint8Array();
    image.set([0xfe, 0xe7], 0x100);
    const path = release('stm32f407vg', 'jtag', 0x0800_0000, image);
    const end = await cli(
      'flash',
      '--release',
      path,
      '--serial',
      'SB3',
      '--probe',
      'bench:stm32f407vg?probe=ftdi',
      '--json',
    );
    const reach = { product: 'Dual RS232-HS', protocol: 'jtag', usedHz: 10_000_000 };
    expect(lastEvent(end.lines)).toMatchObject({ verdict: 'PASS', record: { reach } });
    expect(end.code).toBe(0);
  });

  it('has no SWD', async () => {
    const end = await cli('identify', '--probe', 'bench:stm32f407vg?probe=ftdi', '--interface', 'swd');
    expect(end.code).toBe(3);
    expect(end.stderr).toContain('probe-unsuited');
  });

  it('plays SVF', async () => {
    const { text } = cpldSvf({ rows: ['0123456789ABCDEF0011223344556677', 'F'.repeat(32)] });
    const file = join(folder, 'cpld.svf');
    writeFileSync(file, text);
    const good = await cli('svf', file, '--probe', 'bench:cpld?probe=ftdi', '--frequency', '4000000');
    expect(good.code).toBe(0);
    expect(good.lines.join('\n')).toMatch(/PASS.*5 compared/u);
    const bad = await cli('svf', file, '--probe', 'bench:cpld?probe=ftdi&fault=stuck-bit@0x0.3=1');
    expect(bad.code).toBe(1);
    expect(bad.stderr).toContain('svf-mismatch');
  });
});
