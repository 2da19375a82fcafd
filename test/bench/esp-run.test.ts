import { beforeEach, describe, expect, it } from 'vitest';
import { equalBytes } from '#shared/base/bytes.ts';
import type { ReleaseImage } from '#main/plan/layout.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { startOf } from '#main/bench/uart/esp/boots.ts';
import { ESP_PARTS } from '#main/bench/uart/esp/parts.ts';
import type { EspBenchOptions } from '#main/bench/uart/esp/esp-bench.ts';
import type { SerialBenchLink } from '#main/bench/uart/serial-bench-link.ts';
import type { Faults } from '#main/bench/faults.ts';
import { ESP_CHIPS, espImage, EspLine, firmware } from '#test/support/esp-unit.ts';
import { imageOf, runEsp } from './esp-run.ts';

/** Moments of a run, evenly spread; nightly many more. */
const CUTS = process.env['FLASHLINE_NIGHTLY'] ? 400 : 24;

const part = (chip: string) => ESP_PARTS[chip] ?? expect.unreachable();

/** The boot loader and the table that it reads are one image in two places. */
function withTable(loader: ReleaseImage, data: Uint8Array): ReleaseImage {
  const segments = [...loader.image.segments, { address: 0x8000, data }];
  return { ...loader, image: { ...loader.image, segments } };
}

/** Boot loader, table, application, settings: what a board of ESP-IDF carries. */
function release(chip: string, seed = 1) {
  const { chipId, bootloader } = part(chip);
  const table = new Uint8Array(0xc00).fill(0xff);
  table.set([0xaa, 0x50, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0]);
  return [
    withTable(imageOf('bootloader', bootloader, espImage(chipId, firmware(0x2800, seed))), table),
    imageOf('application', 0x10000, espImage(chipId, firmware(0x6000, seed + 1))),
    imageOf('manufacturing', 0x9000, firmware(0x3000, seed + 2)),
  ];
}

function holds(line: EspLine, images: ReturnType<typeof release>): boolean {
  line.unit.flash.settle(Infinity);
  return images.every(({ image }) =>
    image.segments.every(({ address, data }) =>
      equalBytes(line.unit.flash.bytes.subarray(address, address + data.length), data),
    ),
  );
}

async function failing(line: EspLine, faults: Faults = [], images = release('esp32')): Promise<FlashlineError> {
  const error = await runEsp(line, images, { faults }).then(
    () => expect.unreachable('it should have failed'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof FlashlineError) return error;
  throw error;
}

const lineWith = (options: Partial<EspBenchOptions>) => new EspLine('esp32', options);

describe.each(ESP_CHIPS)('%s on the bench', (chip) => {
  it('is written whole, proven by digests, and starts', async () => {
    const line = new EspLine(chip);
    const images = release(chip);
    const { outcome, plan } = await runEsp(line, images);
    expect(holds(line, images)).toBe(true);
    expect(outcome.provenBy).toEqual({ bootloader: 'md5', application: 'md5', manufacturing: 'md5' });
    for (const { role, sha256 } of plan.images) expect(outcome.readBack[role]).toBe(sha256);
    expect(line.unit.device.starts.at(-1)).toBe('application');
  });
});

describe('an ESP32 on the bench', () => {
  let line: EspLine;
  beforeEach(() => {
    line = new EspLine();
  });

  it('is left alone where it already holds the release', async () => {
    const images = release('esp32');
    await runEsp(line, images);
    const { operations } = line.unit.flash;
    const again = await runEsp(line, images);
    expect(again.outcome.bytesWritten).toBe(0);
    expect(line.unit.flash.operations).toBe(operations);
    expect(again.plan.operations.every(({ op }) => op === 'verify')).toBe(true);
  });

  it('has a matching boot loader left as it is while its application changes', async () => {
    const images = release('esp32').filter(({ role }) => role !== 'application');
    await runEsp(line, release('esp32'));
    const newer = imageOf('application', 0x10000, espImage(0, firmware(0x6000, 99)));
    const { plan } = await runEsp(line, [...images, newer]);
    expect(
      plan.operations.filter(({ op }) => op !== 'verify').map((operation) => 'role' in operation && operation.role),
    ).not.toContain('bootloader');
    expect(holds(line, [...images, newer])).toBe(true);
  });

  it('is written at a lower rate where the line is noisy, and the record says so', async () => {
    const images = release('esp32');
    const { reach } = await runEsp(line, images, { faults: [{ kind: 'noise', aboveHz: 300_000, chance: 0.002 }] });
    expect(reach).toMatchObject({ askedHz: 921_600, usedHz: 230_400, limitedBy: 'noise' });
    expect(holds(line, images)).toBe(true);
  });

  it.each([0.000_01, 0.000_1])('survives a spoiled byte now and then (%d)', async (chance) => {
    const images = release('esp32');
    const end = await runEsp(line, images, { faults: [{ kind: 'noise', aboveHz: 0, chance }] }).then(
      () => 'PASS',
      (error: unknown) => (error instanceof FlashlineError ? error.failure.code : error),
    );
    expect(['PASS', 'wire-noise']).toContain(end);
    line.unit.flash.settle(Infinity);
    const starts = startOf(line.unit.flash.bytes, part('esp32')) === 'application';
    // What has no valid flag is written last: a unit that starts may still lack its settings.
    const vouchedFor = images.filter(({ role }) => role !== 'manufacturing' || end === 'PASS');
    expect(starts ? holds(line, vouchedFor) : end === 'wire-noise').toBe(true);
  });

  it.each([
    ['once', 1, 'PASS'],
    ['again and again', 99, 'probe-protocol'],
  ])('whose request comes spoiled %s (%d times) and is refused ends in %s', async (_words, times, expected) => {
    const MEM_BEGIN = 5;
    let left = times;
    const onLink = (link: SerialBenchLink) => {
      const write = link.write.bind(link);
      link.write = (data, io) => {
        const spoiled = data.slice();
        // The highest byte of where the stub goes: there is no memory.
        if (data[2] === MEM_BEGIN && left-- > 0) spoiled[24] = 0x20;
        return write(spoiled, io);
      };
    };
    const images = release('esp32');
    const end = await runEsp(line, images, { onLink }).then(
      () => 'PASS',
      (error: unknown) => (error instanceof FlashlineError ? error.failure.code : error),
    );
    expect(end).toBe(expected);
    expect(holds(line, images)).toBe(end === 'PASS');
  });

  it.each<[string, string, Faults]>([
    ['nothing answers', 'no-target', [{ kind: 'no-target' }]],
    ['another chip is there', 'wrong-chip', [{ kind: 'wrong-chip' }]],
    ['flash encryption is on', 'flash-encrypted', [{ kind: 'protected' }]],
    ['the adapter is pulled out', 'probe-lost', [{ kind: 'unplug', after: 40 }]],
  ])('where %s, says %s', async (_words, code, faults) => {
    expect((await failing(line, faults)).failure.code).toBe(code);
  });

  it('tells of a board that starts its firmware instead of the loader', async () => {
    const { failure } = await failing(lineWith({ faults: { neverDownload: true } }));
    expect(failure).toMatchObject({ code: 'no-target', cause: expect.stringContaining('boot:0x13') });
  });

  it('refuses a flash that is smaller than the release, before anything changes', async () => {
    const small = lineWith({ flashFaults: { capacity: 0x12 } });
    const { failure } = await failing(small, [], [imageOf('application', 0x50000, firmware(0x2000, 1))]);
    expect(failure).toMatchObject({ code: 'flash-too-small', blame: 'unit' });
    expect(small.unit.flash.operations).toBe(0);
  });

  it.each<[string, string, number, number, NonNullable<EspBenchOptions['efuses']>, boolean]>([
    ['esp32', 'the newest', 301, 301, {}, true],
    ['esp32', 'a newer one', 302, 399, {}, false],
    ['esp32-c3', 'a newer one', 5, 99, {}, false],
    ['esp32-c3', 'an older one', 0, 3, {}, false],
    ['esp32-c3', 'a later minor one', 0, 99, { WAFER_VERSION_MINOR_HI: 1 }, true],
    // Bits that are calibration data on the first of them: revision 0.0.
    ['esp32-s3', 'the first', 1, 99, { WAFER_VERSION_MINOR_LO: 0, BLK_VERSION_MAJOR: 1, BLK_VERSION_MINOR: 1 }, false],
    ['esp32-c2', 'its own', 102, 199, {}, true],
    ['esp32-h2', 'one that is too new', 0, 0xffff, {}, true],
  ])(
    'an %s: an image for %s revision (%d to %d) is taken or refused untouched',
    async (chip, _words, min, max, efuses, taken) => {
      const chosen = new EspLine(chip, { efuses });
      const { chipId } = part(chip);
      const images = [imageOf('application', 0x10000, espImage(chipId, firmware(0x3000, 5), { min, max }))];
      const end = await runEsp(chosen, images).then(
        () => 'PASS',
        (error: unknown) => (error instanceof FlashlineError ? error.failure.code : error),
      );
      expect(end).toBe(taken ? 'PASS' : 'image-revision');
      expect(chosen.unit.flash.operations > 0).toBe(taken);
    },
  );

  it('refuses a boot loader that is set to more flash than there is', async () => {
    const small = lineWith({ flashSize: 0x200000 });
    const { failure } = await failing(small, [], [imageOf('bootloader', 0x1000, espImage(0, firmware(0x1800, 1)))]);
    expect(failure).toMatchObject({ code: 'flash-too-small', params: { found: '2048 KiB', needed: '4096 KiB' } });
    expect(small.unit.flash.operations).toBe(0);
  });

  it.each<[string, string, NonNullable<EspBenchOptions['security']>, string]>([
    ['esp32-c3', 'secure download mode is on', { secureDownload: true }, 'secure-download'],
    ['esp32-s2', 'secure download mode is on', { secureDownload: true }, 'secure-download'],
    ['esp32-c6', 'flash encryption is on', { flashEncryption: true }, 'flash-encrypted'],
    ['esp32', 'another boot loader is under secure boot', { secureBoot: true }, 'secure-boot'],
    ['esp32-s3', 'another boot loader is under secure boot', { secureBoot: true }, 'secure-boot'],
  ])('an %s where %s is refused untouched', async (chip, _words, security, code) => {
    const secured = new EspLine(chip, { security });
    const error = await runEsp(secured, release(chip)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(FlashlineError);
    expect(error).toMatchObject({ failure: { code } });
    expect(secured.unit.flash.operations).toBe(0);
  });

  it('takes another application under secure boot, its boot loader being right', async () => {
    const options: { security: { secureBoot: boolean } } = { security: { secureBoot: false } };
    const secured = new EspLine('esp32-s3', options);
    const images = release('esp32-s3');
    await runEsp(secured, images);
    options.security.secureBoot = true;
    const newer = images.map((image) =>
      image.role === 'application' ? imageOf('application', 0x10000, espImage(9, firmware(0x3000, 77))) : image,
    );
    await runEsp(secured, newer);
    expect(holds(secured, newer)).toBe(true);
  });

  it('gives up on a flash that never gets ready', async () => {
    const { failure } = await failing(lineWith({ flashFaults: { stuckAfter: 30 } }));
    expect(failure.code).toBe('flash-timeout');
  });
});

describe('power that fails', () => {
  it('leaves known-good firmware, or a unit that does not start', { timeout: 60_000 }, async () => {
    const small = (seed: number) => [
      imageOf('bootloader', 0x1000, espImage(0, firmware(0x1800, seed))),
      imageOf('application', 0x10000, espImage(0, firmware(0x3000, seed + 1))),
    ];
    const [before, after] = [small(1), small(50)];
    const line = new EspLine();
    await runEsp(line, before);
    const holding = line.unit.flash.read(0, 0x20000, 0).bytes;
    const { ms } = await runEsp(line, after);
    const outcomes = new Set<string>();
    for (let step = 0; step < CUTS; step++) {
      line.unit.flash.bytes.set(holding);
      const cut = { kind: 'power-cut', ms: (ms * (step + 0.5)) / CUTS } as const;
      await runEsp(line, after, { faults: [cut] }).catch(() => undefined);
      line.unit.flash.settle(Infinity);
      const start = startOf(line.unit.flash.bytes, part('esp32'));
      outcomes.add(start);
      const known = holds(line, before) || holds(line, after);
      expect(start !== 'application' || known, `cut at ${cut.ms} ms`).toBe(true);
    }
    expect([...outcomes]).toEqual(expect.arrayContaining(['application', 'nothing']));
    await runEsp(line, after);
    expect(holds(line, after)).toBe(true);
    expect(line.unit.device.starts.at(-1)).toBe('application');
  });
});
