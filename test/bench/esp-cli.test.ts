import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UnitRecord } from '#shared/model/unit-record.ts';
import { runCli, startCli } from '#test/support/cli.ts';
import { espImage, firmware } from '#test/support/esp-unit.ts';

const folder = mkdtempSync(join(tmpdir(), 'flashline-esp-'));
const home = join(folder, 'home');

beforeAll(() => {
  writeFileSync(join(folder, 'boot.bin'), espImage(0, firmware(0x1800, 1)));
  writeFileSync(join(folder, 'app.bin'), espImage(0, firmware(0x3000, 2)));
  writeFileSync(
    join(folder, 'recipe.yaml'),
    `schema: 1
product: { id: esp-board, revision: A, name: ESP board }
chip: esp32
interface: uart
images:
  - { role: bootloader, file: boot.bin, address: 0x1000, version: 1.0.0 }
  - { role: application, file: app.bin, address: 0x10000, version: 1.0.0 }
serial: { pattern: '^EB[0-9]{6}$' }
`,
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const flash = (serial: string, probe: string) =>
  runCli(['flash', '--release', folder, '--serial', serial, '--probe', probe, '--json'], { home });

describe('an ESP32 at a station', () => {
  it('passes, and its record says by what its content was proven, and at which rate it was reached', async () => {
    const end = await flash('EB000001', 'bench:esp32');
    expect(end.code).toBe(0);
    const { lines } = await runCli(['log', 'show', '--json'], { home });
    const record = UnitRecord.parse(JSON.parse(lines[0] ?? ''));
    expect(record).toMatchObject({
      verdict: 'PASS',
      uid: expect.stringMatching(/^240ac4[0-9a-f]{6}$/u),
      reach: { protocol: 'uart', usedHz: 921_600 },
      locks: { FLASH_ENCRYPTION: '0x00000000', SECURE_BOOT: '0x00000000' },
    });
    expect(record.images.map(({ provenBy }) => provenBy)).toEqual(['md5', 'md5']);
    expect(record.images.map(({ sha256 }) => sha256.readBack)).toEqual(
      record.images.map(({ sha256 }) => sha256.expected),
    );
  });

  it('passes where the fixture straps it, and its port has no lines to start it by', async () => {
    const terminal = join(folder, 'port');
    const served = startCli(
      ['bench', 'serve', '--chip', 'esp32', '--as', `pty:${terminal}`, '--haste', '1000', '--json'],
      { home },
    );
    await served.waitFor(terminal);
    const [strapped, classic] = ['none', 'classic'].map((entry) => `uart:${terminal}?parity=none&entry=${entry}`);
    expect((await flash('EB000005', strapped ?? '')).lines.at(-1)).toContain('"verdict":"PASS"');
    // There it is the board's lines that matter.
    expect((await flash('EB000006', classic ?? '')).lines.at(-1)).toContain('"code":"probe-unsuited"');
    served.child.kill('SIGINT');
    expect((await served.ended).code).toBe(0);
  });

  it('fails with the code of what is wrong, and takes no entry that there is not', async () => {
    const ends = await Promise.all([
      flash('EB000002', 'bench:esp32?fault=no-target'),
      flash('EB000003', 'bench:esp32?fault=protected'),
      flash('EB000004', 'bench:esp32?entry=somehow'),
    ]);
    const codes = ends.map(({ lines }) => JSON.parse(lines.at(-1) ?? '{}') as { code?: string });
    expect(codes.map(({ code }) => code)).toEqual(['no-target', 'flash-encrypted', 'probe-address']);
  });
});
