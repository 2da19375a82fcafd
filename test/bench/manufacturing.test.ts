import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { equalBytes } from '#shared/base/bytes.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { RunEvent } from '#shared/model/run-event.ts';
import { sha256Hex } from '#shared/base/digest.ts';
import { cliHere } from '#test/support/cli-here.ts';
import { espImage, firmware } from '#test/support/esp-unit.ts';
import { ED25519, mcubootImage } from '#test/support/power/signing.ts';
import { newBench, type RunOptions, runUnit } from './bench-run.ts';
import { application, cells, image, noise, preload } from './releases.ts';

const folder = mkdtempSync(join(tmpdir(), 'flashline-manufacturing-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let homes = 0;
const newHome = () => join(folder, `home-${++homes}`);

const SECTION = `manufacturing:
  kind: template
  version: '1'
  address: 0x8000
  size: 32
  macs: { pool: boards }
  fields:
    - { at: 0, type: u32, from: serial.number }
    - { name: mac, at: 4, type: bytes, size: 6, from: mac }
    - { name: id, at: 10, type: bytes, size: 8, from: uid }
    - { name: batch, at: 18, type: string, size: 8, from: scan.batch }
    - { at: 28, type: crc32, over: { at: 0, size: 28 } }
`;

function release(section = SECTION): string {
  const path = join(folder, `release-${++homes}`);
  mkdirSync(path);
  writeFileSync(join(path, 'app.bin'), application(3000, 5).image.segments[0]?.data ?? new Uint8Array());
  writeFileSync(
    join(path, 'recipe.yaml'),
    `schema: 1
product: { id: maker, revision: A, name: Maker }
chip: nrf52840
interface: swd
images:
  - { role: application, file: app.bin, version: 1.0.0, address: 0 }
serial: { pattern: '^HB(?<number>[0-9]{6})$' }
${section}`,
  );
  return path;
}

const lastOf = (lines: readonly string[]) => RunEvent.parse(JSON.parse(lines.at(-1) ?? ''));

describe('a unit with a manufacturing partition of its own', () => {
  it('passes; the record has the partition’s digest, the one that manufacturing build makes, and the MAC', async () => {
    const home = newHome();
    const path = release();
    const flash = (serial: string, ...more: string[]) =>
      cliHere(
        [
          'flash',
          '--release',
          path,
          '--serial',
          serial,
          '--probe',
          'bench:nrf52840',
          '--scan',
          'batch=7B',
          '--json',
          ...more,
        ],
        { home },
      );
    const end = await flash('HB000001');
    expect(end.code).toBe(0);
    const finished = lastOf(end.lines);
    if (finished.type !== 'run.finished') throw new Error(finished.type);
    const { record } = finished;
    const [mac = ''] = record?.macs ?? [];
    expect(record?.images.map(({ role }) => role)).toEqual(['application', 'manufacturing']);
    const made = record?.images.find(({ role }) => role === 'manufacturing');
    expect(made?.sha256.readBack).toBe(made?.sha256.expected);
    const out = join(folder, 'unit.bin');
    const args = [
      'manufacturing',
      'build',
      '--release',
      path,
      '--serial',
      'HB000001',
      '--uid',
      record?.uid ?? '',
      '--mac',
      mac,
    ];
    const built = await cliHere([...args, '--scan', 'batch=7B', '--out', out, '--json'], { home });
    expect(JSON.parse(built.lines[0] ?? '')).toMatchObject({
      address: 0x8000,
      size: 32,
      sha256: made?.sha256.expected,
    });
    // Another unit of the same station has another.
    const other = lastOf((await flash('HB000002')).lines);
    if (other.type !== 'run.finished') throw new Error(other.type);
    expect(other).toMatchObject({ verdict: 'PASS' });
    expect(other.record?.images[1]?.sha256.expected).not.toBe(made?.sha256.expected);
    expect(other.record?.macs).not.toEqual([mac]);
  });

  it.each([
    ['a value that nobody gave', SECTION, 3, 'value-missing'],
    ['a value that does not fit', SECTION.replace('size: 8, from: scan', 'size: 2, from: scan'), 2, 'value-unsuited'],
    [
      'a command that no plant answers',
      "manufacturing: { kind: plant, version: '1', address: 0x8000, size: 8, command: identity }\n",
      3,
      'plant-data-missing',
    ],
  ])('is not touched for %s', async (_, section, code, failure) => {
    const scan = failure === 'value-unsuited' ? ['--scan', 'batch=7B'] : [];
    const args = ['flash', '--release', release(section), '--serial', 'HB000001', '--probe', 'bench:nrf52840', ...scan];
    const end = await cliHere([...args, '--json'], { home: newHome() });
    expect(end.code).toBe(code);
    expect(lastOf(end.lines)).toMatchObject({
      verdict: 'ERROR',
      code: failure,
      record: { bytesWritten: 0, uid: expect.stringMatching(/^[0-9a-f]{16}$/), images: [{ role: 'application' }] },
    });
    const steps = end.lines
      .map((line) => RunEvent.parse(JSON.parse(line)))
      .filter(({ type }) => type === 'step.started');
    expect(steps.map((event) => 'step' in event && event.step)).toEqual(['connect', 'identify', 'record']);
  });
});

const OLD = [application(3000, 1), image('manufacturing', { address: 0x8000, data: noise(64, 7) })];
const NEW = [application(3000, 1), image('manufacturing', { address: 0x8000, data: noise(64, 8) })];

describe('the supply fails at any packet while a unit’s partition is changed', () => {
  it('and the unit has the old one, the new one, or does not start; the next run passes', async () => {
    const before = () => {
      const bench = newBench();
      preload(bench, 'A', OLD);
      return bench;
    };
    const end = async (bench: ReturnType<typeof before>, options: RunOptions) => {
      try {
        await runUnit(bench, 'A', NEW, options);
        return 'done';
      } catch (error) {
        return error instanceof FlashlineError ? error.failure.code : String(error);
      }
    };
    const holds = (bench: ReturnType<typeof before>, images: typeof OLD) =>
      images.every(({ image: { segments } }) =>
        segments.every(({ address, data }) => equalBytes(cells(bench, 'A', address, data.length), data)),
      );
    // Before the first change nothing can tear (run-faults.test.ts); from there on, every packet.
    let first = Infinity;
    let sent = 0;
    await runUnit(before(), 'A', NEW, {
      onConnected: (connected) => {
        connected.onWrite = () => sent++;
      },
      hooks: {
        beforeChange: () => {
          first = Math.min(first, sent);
          return Promise.resolve();
        },
      },
    });
    const states = new Map<string, number>();
    for (let after = first - 3; after < sent; after++) {
      const bench = before();
      const code = await end(bench, { faults: [{ kind: 'power-cut', after }] });
      expect(['no-target', 'wire-noise', 'done']).toContain(code);
      const starts = equalBytes(
        cells(bench, 'A', 0, 8),
        OLD[0]?.image.segments[0]?.data.subarray(0, 8) ?? new Uint8Array(),
      );
      const state = holds(bench, OLD) ? 'old' : holds(bench, NEW) ? 'new' : starts ? 'TORN' : 'does not start';
      states.set(state, (states.get(state) ?? 0) + 1);
      expect(await end(bench, {}), `the run after packet ${after}`).toBe('done');
      expect(holds(bench, NEW)).toBe(true);
    }
    expect(states.has('TORN')).toBe(false);
    for (const state of ['old', 'new', 'does not start']) expect(states.get(state) ?? 0).toBeGreaterThan(0);
  });
});

/** By each kind of way: what the unit alone is given lands where its recipe says, with what a test measured of it. */
describe.each([
  ['esp32', 'uart', 0x10000, 0x30000],
  ['stm32f407vg', 'uart', 0x0800_0000, 0x0800_8000],
  ['atsamd21g18a', 'swd', 0x2000, 0x8000],
])('%s by %s', (chip, wire, start, place) => {
  it('is given its own partition, of label, chip and test', async () => {
    const path = join(folder, `way-${chip}`);
    mkdirSync(path);
    const data =
      chip === 'esp32' ? espImage(0, firmware(0x1000, 2)) : application(1500, 5, start).image.segments[0]?.data;
    writeFileSync(join(path, 'app.bin'), data ?? new Uint8Array());
    writeFileSync(
      join(path, 'recipe.yaml'),
      `schema: 1
product: { id: ways, revision: A, name: Ways }
chip: ${chip}
interface: ${wire}
images: [{ role: application, file: app.bin, version: 1.0.0, address: ${start} }]
serial: { pattern: '^HB[0-9]{6}$' }
results: [{ name: vref, unit: V }, { name: boots, unit: '' }]
manufacturing:
  kind: template
  version: '1'
  address: ${place}
  size: 64
  fields:
    - { at: 0, type: u16, from: test.vref, scale: 1000 }
    - { at: 2, type: u16, from: test.boots }
    - { at: 4, type: string, size: 12, from: serial }
    - { at: 16, type: bytes, size: ${{ esp32: 6, stm32f407vg: 12 }[chip] ?? 16}, from: uid }
    - { at: 60, type: crc32, over: { at: 0, size: 60 } }
`,
    );
    const home = newHome();
    const flash = (...results: string[]) =>
      cliHere(
        [
          'flash',
          '--release',
          path,
          '--serial',
          'HB000001',
          '--probe',
          `bench:${chip}`,
          '--json',
          ...results.flatMap((each) => ['--result', each]),
        ],
        { home },
      );
    const refused = lastOf((await flash('vref=1234mV', 'boots=3')).lines);
    expect(refused).toMatchObject({ verdict: 'ERROR', code: 'value-unsuited', record: { bytesWritten: 0 } });
    expect(lastOf((await flash('vref=1.234V')).lines)).toMatchObject({ code: 'value-missing' });
    const passed = lastOf((await flash('vref=1.2342V', 'boots=3')).lines);
    if (passed.type !== 'run.finished') throw new Error(passed.type);
    const { record } = passed;
    expect(record).toMatchObject({
      verdict: 'PASS',
      measurements: [
        { name: 'vref', value: 1.2342, unit: 'V' },
        { name: 'boots', value: 3, unit: '' },
      ],
    });
    const out = join(folder, `${chip}.bin`);
    const args = ['manufacturing', 'build', '--release', path, '--serial', 'HB000001', '--uid', record?.uid ?? ''];
    await cliHere([...args, '--result', 'vref=1.2342V', '--result', 'boots=3', '--out', out], { home });
    const built = new Uint8Array(readFileSync(out));
    expect([...built.subarray(0, 4)]).toEqual([1234 & 0xff, 1234 >> 8, 3, 0]);
    const made = record?.images.find(({ role }) => role === 'manufacturing');
    expect(made?.sha256).toEqual({ expected: sha256Hex(built), readBack: sha256Hex(built) });
  });
});

const SIGNED = `schema: 1
product: { id: signed, revision: A, name: Signed }
chip: nrf52840
interface: swd
partitions: [{ name: slot0, address: 0x8000, size: 0x4000 }]
images:
  - { role: bootloader, file: boot.bin, version: 1.0.0, address: 0 }
  - role: application
    file: app.bin
    version: 1.2.0
    partition: slot0
    valid: { by: mcuboot-trailer }
    signedPerUnit:
      kind: mcuboot
      by: { key: firmware, algorithm: ed25519-sha256, publicKey: app.pem }
      tlv: { tag: 0xa0, size: 8, fields: [{ at: 0, type: bytes, size: 8, from: uid }] }
serial: { pattern: '^HB[0-9]{6}$' }
`;

describe('a unit whose application is signed for it alone', () => {
  it('passes, read back as its own image and as no other unit’s, by nobody’s key', async () => {
    const path = join(folder, 'signed');
    mkdirSync(path);
    writeFileSync(join(path, 'boot.bin'), application(2000, 5).image.segments[0]?.data ?? new Uint8Array());
    writeFileSync(join(path, 'app.bin'), mcubootImage(noise(3000, 3), [1, 2]));
    writeFileSync(join(path, 'app.pem'), ED25519.pem);
    writeFileSync(join(path, 'recipe.yaml'), SIGNED);
    const home = newHome();
    const records = [];
    for (const serial of ['HB000001', 'HB000002']) {
      const args = ['flash', '--release', path, '--serial', serial, '--probe', 'bench:nrf52840', '--json'];
      const end = lastOf((await cliHere(args, { home })).lines);
      expect(end).toMatchObject({ type: 'run.finished', verdict: 'PASS' });
      if (end.type === 'run.finished') records.push(end.record);
    }
    const made = records.map((record) => {
      expect(record?.signatures).toMatchObject([{ what: 'application', key: 'firmware', store: 'bench' }]);
      const app = record?.images.find(({ role }) => role === 'application');
      expect(app?.signedBy?.keys).toEqual([record?.signatures?.[0]?.keyId]);
      expect(app?.sha256.readBack).toBe(app?.sha256.expected);
      return app?.sha256.readBack;
    });
    expect(new Set(made).size).toBe(2);
    expect(new Set(records.map((record) => record?.release)).size).toBe(1);
  });
});
