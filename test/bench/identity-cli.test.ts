import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
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

describe('a board without a label', () => {
  const counter = (last: number) =>
    release(
      NRF,
      `serial:
  pattern: '^HB(?<code>[0-9]{4})$'
  check: { scheme: luhn, of: code }
  source: { counter: boards, prefix: HB, digits: 3, first: 7, last: ${last} }
`,
    );
  const next = async (home: string, path: string, ...more: string[]) => {
    const end = await cliHere(['flash', '--release', path, '--probe', 'bench:nrf52840', '--json', ...more], { home });
    const last: Record<string, unknown> = JSON.parse(end.lines.at(-1) ?? '{}');
    const record = last['record'] ? UnitRecord.parse(last['record']) : null;
    return { code: end.code, failure: last['code'], serial: record?.serial, said: end.stderr };
  };
  const report = async (home: string, ...more: string[]) =>
    (await cliHere(['numbers', 'report', '--format', 'csv', ...more], { home })).lines;

  it('has the counter’s next, with its check, until there is none; a number is never given again', async () => {
    const home = newHome();
    const path = counter(9);
    const first = await next(home, path);
    expect(first).toMatchObject({ code: 0, serial: 'HB0075', said: expect.stringContaining('2 are left') });
    // The same number is not given to the next board, whatever became of this one.
    expect(await next(home, path, '--probe', 'bench:nrf52840?fault=no-target')).toMatchObject({
      code: 3,
      serial: 'HB0083',
    });
    expect((await next(home, path)).serial).toBe('HB0091');
    expect(await next(home, path)).toMatchObject({ code: 2, failure: 'counter-used-up', serial: undefined });
    // The recipe is given more.
    expect((await next(home, counter(20))).serial).toBe('HB0109');
    const lines = await report(home);
    expect(lines.map((line) => line.split(',').slice(0, 5).join(','))).toEqual([
      'source,state,first,last,text',
      'bench:counter:boards,used,7,7,HB0075',
      'bench:counter:boards,void,8,8,HB0083',
      'bench:counter:boards,used,9,9,HB0091',
      'bench:counter:boards,used,10,10,HB0109',
      'bench:counter:boards,free,11,20,',
    ]);
    const [, shut = ''] = await report(home, '--state', 'void');
    expect(shut).toMatch(/^bench:counter:boards,void,8,8,HB0083,[0-9a-f]{32},ERROR,/u);
  });

  it('where labels bring serials it must have one', async () => {
    const path = release(NRF, `serial: { pattern: '^HB' }\n`);
    expect(await next(newHome(), path)).toMatchObject({ code: 2, failure: 'usage' });
  });

  it('has the list’s next row, with its fields; of a list with a wrong row nothing is taken', async () => {
    const home = newHome();
    const path = release(
      NRF,
      `serial:
  pattern: '^HB[0-9]{6}$'
  source: { list: acme, columns: { serial: SN, address: MAC, batch: Lot } }
macs: { from: scan.address }
manufacturing:
  kind: template
  version: '1'
  address: 0x8000
  size: 16
  fields: [{ at: 0, type: bytes, size: 6, from: mac }, { at: 8, type: string, size: 8, from: scan.batch }]
`,
    );
    const csv = join(folder, 'acme.csv');
    const take = async (text: string) => {
      writeFileSync(csv, text);
      return cliHere(['numbers', 'import', csv, '--release', path, '--json'], { home });
    };
    expect(await next(home, path)).toMatchObject({ code: 3, failure: 'list-missing' });
    const wrong = await take('SN,MAC,Lot\nHB000001,02005E005301,7A\nHB00002,02005E005302,7A\n');
    expect(wrong.code).toBe(2);
    expect(wrong.lines[0]).toContain('line 3');
    expect(await next(home, path)).toMatchObject({ failure: 'list-missing' });
    expect((await take('SN,MAC,Lot\nHB000005,02005E005301,7A\nHB000002,02005E005301,7B\n')).code).toBe(0);
    expect((await take('SN,MAC,Lot\nHB000009,02005E005309,7C\nHB000005,02005E005301,7A\n')).lines[0]).toContain(
      'line 3',
    );
    const first = await next(home, path);
    expect(first).toMatchObject({ code: 0, serial: 'HB000005', said: expect.stringContaining('1 are left') });
    const { lines } = await cliHere(['log', 'show', '--mac', '02:00:5e:00:53:01', '--json'], { home });
    expect(JSON.parse(lines[0] ?? '{}')).toMatchObject({
      serial: 'HB000005',
      batch: '7A',
      macs: ['02:00:5e:00:53:01'],
    });
    // The next row has the same address.
    expect(await next(home, path)).toMatchObject({ code: 3, failure: 'mac-duplicate' });
    expect(await next(home, path)).toMatchObject({ failure: 'list-used-up' });
    expect(await flash(home, path, 'HB000001', 'bench:nrf52840')).toMatchObject({
      last: { code: 'serial-not-listed' },
    });
  });
});

it('an ESP32 burns the address that this unit was given, and another unit another', async () => {
  const home = newHome();
  const path = release(
    ESP,
    `serial: { pattern: '^HB[0-9]{6}$' }
macs: { pool: boards, step: 4 }
locks: [{ step: esp-custom-mac, from: mac }]
`,
  );
  const burnt = [];
  for (const serial of ['HB000001', 'HB000002']) {
    const { record } = await flash(home, path, serial, 'bench:esp32');
    expect(record).toMatchObject({ verdict: 'PASS', macs: [expect.stringMatching(/^02:.*[048c]$/u)] });
    expect(record?.locks['CUSTOM_MAC']).toBe(record?.macs?.[0]);
    burnt.push(record?.locks['CUSTOM_MAC']);
  }
  expect(new Set(burnt).size).toBe(2);
});

describe('the demo with an identity', () => {
  const path = 'resources/demo/hello-identity';
  const label = (serial: string, gtin = '09506000134352') => `(01)${gtin}(21)${serial}(10)7B`;

  it('passes on the bench, and its partition has number, serial, address, chip and batch', async () => {
    const home = newHome();
    const { record } = await flash(home, path, label('HB0000018'), 'bench:nrf51822');
    expect(record).toMatchObject({ verdict: 'PASS', serial: 'HB0000018', batch: '7B', macs: [expect.any(String)] });
    const out = join(folder, 'identity.bin');
    const [mac = ''] = record?.macs ?? [];
    const given = ['--serial', label('HB0000018'), '--uid', record?.uid ?? '', '--mac', mac, '--out', out];
    expect((await cliHere(['manufacturing', 'build', '--release', path, ...given], { home })).code).toBe(0);
    const built = readFileSync(out);
    const image = record?.images.find(({ role }) => role === 'manufacturing');
    expect(image?.sha256.readBack).toBe(createHash('sha256').update(built).digest('hex'));
    expect([built.readUInt32LE(0), built.toString('latin1', 4, 13), built.toString('latin1', 30, 32)]).toEqual([
      1,
      'HB0000018',
      '7B',
    ]);
    expect(built.toString('hex', 16, 30)).toBe(`${mac.replaceAll(':', '')}${record?.uid ?? ''}`);
    expect(built.readUInt32LE(60)).toBe(crc32(built.subarray(0, 60)));
    // The next unit has an address of its own.
    const next = await flash(home, path, label('HB0000026'), 'bench:nrf51822');
    expect(next.record?.macs?.[0]).not.toBe(mac);
  });

  it.each([
    ['check-digit', label('HB0000017')],
    ['label-other-product', label('HB0000018', '09506000134369')],
    ['label-damaged', 'HB0000018'],
  ])('is refused before there is a run: %s', async (code, scanned) => {
    const end = await cliHere(['flash', '--release', path, '--serial', scanned, '--probe', 'bench:nrf51822'], {
      home: newHome(),
    });
    expect([end.code, end.stderr]).toEqual([3, expect.stringContaining(code)]);
  });
});
