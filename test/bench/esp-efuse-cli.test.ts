import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UnitRecord } from '#shared/model/unit-record.ts';
import { runCli } from '#test/support/cli.ts';
import { espImage, firmware } from '#test/support/esp-unit.ts';

const folder = mkdtempSync(join(tmpdir(), 'flashline-efuse-'));
const home = join(folder, 'home');
const DIGEST = 'ab'.repeat(32);

function recipe(locks: string): string {
  const file = join(folder, `${locks.length}.yaml`);
  writeFileSync(
    file,
    `schema: 1
product: { id: esp-board, revision: A, name: ESP board }
chip: esp32-c3
interface: uart
images:
  - { role: application, file: app.bin, address: 0x10000, version: 1.0.0 }
locks:
${locks}
serial: { pattern: '^EF[0-9]{6}$' }
`,
  );
  return file;
}

beforeAll(() => writeFileSync(join(folder, 'app.bin'), espImage(5, firmware(0x3000, 2))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('eFuses at a station', () => {
  it('are burnt as the recipe’s locks, and recorded as they were read', async () => {
    const file = recipe(`  - { step: esp-disable-jtag }\n  - { step: esp-key-digest, digest: '${DIGEST}' }`);
    const end = await runCli(
      ['flash', '--release', file, '--serial', 'EF000001', '--probe', 'bench:esp32-c3', '--json'],
      { home },
    );
    expect(end.code).toBe(0);
    const { lines } = await runCli(['log', 'show', '--json'], { home });
    const record = UnitRecord.parse(JSON.parse(lines[0] ?? ''));
    expect(record).toMatchObject({
      verdict: 'PASS',
      locks: { JTAG_DISABLED: 'on', KEY0: `SECURE_BOOT_DIGEST0 ${DIGEST}`, SECURE_BOOT: '0x00000000' },
    });
  });

  it.each([
    ['a step of another chip', '  - { step: atecc-config }', 'no such step'],
    ['a step twice', '  - { step: esp-disable-jtag }\n  - { step: esp-disable-jtag }', 'twice'],
    ['a field that nothing protects', '  - { step: esp-write-protect, field: WR_DIS }', 'nothing that WR_DIS protects'],
    ['a block that nothing hides', '  - { step: esp-read-protect, block: 2 }', 'nothing that RD_DIS hides'],
    [
      'a protection that shuts a later step out',
      '  - { step: esp-write-protect, field: SECURE_VERSION }\n  - { step: esp-disable-download }',
      'same bit of WR_DIS (18)',
    ],
  ])('with %s are a recipe that is refused', async (_words, locks, detail) => {
    const end = await runCli(
      ['flash', '--release', recipe(locks), '--serial', 'EF000002', '--probe', 'bench:esp32-c3', '--json'],
      { home },
    );
    expect(end.code).toBe(2);
    expect(end.lines.join('\n')).toContain(detail);
  });

  it('are shown in words and as JSON, and of no other chip', async () => {
    const shown = await runCli(['efuse', 'show', '--probe', 'bench:esp32-h2', '--json'], { home });
    expect(shown.code).toBe(0);
    const view: unknown = JSON.parse(shown.lines[0] ?? '');
    expect(view).toMatchObject({
      type: 'efuse',
      chip: 'esp32-h2',
      revision: '0.1',
      mac: expect.stringMatching(/^24:0a:c4(?::[0-9a-f]{2}){3}$/u),
      secureBoot: false,
      flashEncryption: { on: false, count: 0 },
    });
    const words = await runCli(['efuse', 'show', '--probe', 'bench:esp32'], { home });
    expect(words.lines.join('\n')).toMatch(/revision 3\.1[\s\S]*JTAG +not disabled[\s\S]*coding +none/u);
    expect((await runCli(['efuse', 'show', '--probe', 'bench:nrf52840'], { home })).code).toBe(2);
  });
});
