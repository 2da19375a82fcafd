import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { UnitRecord } from '#shared/model/unit-record.ts';
import { cliHere } from '#test/support/cli-here.ts';
import { espImage, firmware } from '#test/support/esp-unit.ts';
import { application } from './releases.ts';

const folder = mkdtempSync(join(tmpdir(), 'flashline-identity-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let made = 0;
const newHome = () => join(folder, `home-${++made}`);

const NRF = `chip: nrf52840
interface: swd
images:
  - { role: application, file: app.bin, version: 1.0.0, address: 0 }
`;
const ESP = `chip: esp32
interface: uart
images:
  - { role: application, file: esp.bin, version: 1.0.0, address: 0x10000 }
`;

function release(chip: string, rules: string): string {
  const path = join(folder, `release-${++made}`);
  mkdirSync(path);
  writeFileSync(join(path, 'app.bin'), application(3000, 5).image.segments[0]?.data ?? new Uint8Array());
  writeFileSync(join(path, 'esp.bin'), espImage(0, firmware(0x1000, 2)));
  writeFileSync(
    join(path, 'recipe.yaml'),
    `schema: 1\nproduct: { id: maker, revision: A, name: Maker }\n${chip}${rules}`,
  );
  return path;
}

interface Flashed {
  readonly code: number | null;
  readonly last: Record<string, unknown>;
  readonly record: UnitRecord | null;
}

async function flash(home: string, path: string, serial: string, probe: string): Promise<Flashed> {
  const end = await cliHere(['flash', '--release', path, '--serial', serial, '--probe', probe, '--json'], { home });
  const last: Record<string, unknown> = JSON.parse(end.lines.at(-1) ?? '{}');
  return { code: end.code, last, record: last['record'] ? UnitRecord.parse(last['record']) : null };
}

describe('a unit with a GS1 label', () => {
  const path = release(
    NRF,
    `serial: { pattern: '^HB(?<code>[0-9]{7})$', check: { scheme: luhn, of: code } }
label: { kind: gs1, fields: { serial: '21', batch: '10', order: '400' }, expect: { '01': '09506000134352' } }
`,
  );
  const label = (serial: string, gtin = '09506000134352') =>
    `]d201${gtin}10LOT 7\u001d400A-12\u001d21${serial}`.replace(' ', '');

  it('passes under its serial, and its record has batch and order', async () => {
    const home = newHome();
    const { code, record } = await flash(home, path, label('HB0000018'), 'bench:nrf52840');
    expect(code).toBe(0);
    expect(record).toMatchObject({ serial: 'HB0000018', batch: 'LOT7', order: 'A-12', verdict: 'PASS' });
    const again = await flash(home, path, '(01)09506000134352(10)LOT7(400)A-12(21)HB0000018', 'bench:nrf52840');
    expect(again.last).toMatchObject({ verdict: 'ERROR', code: 'already-passed' });
    const shown = await cliHere(['log', 'show', '--batch', 'LOT7', '--json'], { home });
    expect(shown.lines).toHaveLength(2);
  });

  it.each([
    ['a misread serial', label('HB0000019'), 'check-digit'],
    ['another product', label('HB0000018', '04006381333931'), 'label-other-product'],
    ['the bare serial', 'HB0000018', 'label-damaged'],
  ])('%s is refused before there is a run', async (_, scanned, code) => {
    const home = newHome();
    expect((await flash(home, path, scanned, 'bench:nrf52840')).last).toMatchObject({ code });
    expect((await cliHere(['log', 'show', '--json'], { home })).lines).toEqual([]);
  });
});

describe('a label that says which chip is under it', () => {
  it.each([
    ['nrf52840', NRF, 'uid', 'swd'],
    ['esp32', ESP, 'mac', 'uart'],
  ])('%s: its own passes, another board’s is an ERROR and nothing was written', async (chip, lines, field) => {
    const home = newHome();
    const path = release(
      lines,
      `serial: { pattern: '^HB[0-9]{6}$' }\nlabel: { kind: text, pattern: '(?<serial>[^;]+);(?<${field}>.+)' }\n`,
    );
    const probe = `bench:${chip}`;
    const foreign = await flash(home, path, 'HB000001;24:0A:C4:00:00:00', probe);
    expect(foreign.code).toBe(3);
    expect(foreign.last).toMatchObject({ verdict: 'ERROR', code: 'label-other-unit', blame: 'station' });
    expect(foreign.record).toMatchObject({ bytesWritten: 0, serial: 'HB000001' });
    const own = await flash(home, path, `HB000001;${foreign.record?.uid?.toUpperCase() ?? ''}`, probe);
    expect(own.record).toMatchObject({ verdict: 'PASS' });
  });

  it('asks of a chip only what it tells', async () => {
    const path = release(NRF, `serial: { pattern: '.' }\nlabel: { kind: gs1, fields: { serial: '21', mac: '91' } }\n`);
    const { last, code } = await flash(newHome(), path, '(21)A(91)240AC4000000', 'bench:nrf52840');
    expect(code).toBe(2);
    expect(last).toMatchObject({ code: 'recipe-invalid', message: expect.stringContaining('tells no MAC') });
  });
});
