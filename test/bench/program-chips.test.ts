import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { equalBytes } from '#shared/base/bytes.ts';
import { sha256Hex } from '#shared/base/digest.ts';
import { debugChip, type ChipDescription, flashMemories } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Bench } from '#main/bench/bench.ts';
import type { ReleaseImage } from '#main/plan/layout.ts';
import { newBench, type RunOptions, runUnit, shippedChip } from './bench-run.ts';
import { application, cells, image, preload } from './releases.ts';

const KIB = 1024;

/** What is tried on each family, with the size of an image that meets everything its flash has to offer. */
const FAMILIES = [
  // 16, 64 and 128 KiB sectors
  { id: 'stm32f407vg', size: 132 * KIB, appAt: 0x20000, everything: 512 * KIB },
  { id: 'stm32g071rb', size: 9 * KIB + 5, appAt: 0x4000, everything: 128 * KIB },
  { id: 'atsamd21g18a', size: 5 * KIB + 3, appAt: 0x2000, everything: 64 * KIB },
  // A block of 64 KiB and pages of 4 KiB beside it
  { id: 'rp2040', size: 70 * KIB + 1, appAt: 0x20000, everything: 256 * KIB },
  { id: 'nrf51822', size: 9 * KIB + 6, appAt: 0x8000, everything: 256 * KIB },
] as const;

/** `b .` wherever the vectors lead: firmware that does nothing to the chip. */
function quiet(release: ReleaseImage): ReleaseImage {
  const [segment] = release.image.segments;
  segment?.data.set([0xfe, 0xe7], 0x100);
  return release;
}

function bytesOf(release: ReleaseImage): Uint8Array {
  return release.image.segments[0]?.data ?? new Uint8Array();
}

describe.each(FAMILIES)('$id', ({ id, size, appAt, everything }) => {
  const chip: ChipDescription = shippedChip(id);
  const start = debugChip(chip).boot.vectors;
  const OLD = quiet(application(size, 31, start));
  const NEW = quiet(application(size, 32, start));
  const held = (bench: Bench, length = size) => cells(bench, 'A', start, length, id);
  const run = (bench: Bench, images: readonly ReleaseImage[], options: RunOptions = {}) =>
    runUnit(bench, 'A', images, { ...options, chip });

  it('is programmed from blank with no erase, and found right', async () => {
    const bench = newBench();
    const { plan, outcome } = await run(bench, [NEW]);
    expect(plan.operations.some(({ op }) => op === 'erase' || op === 'invalidate')).toBe(false);
    expect(outcome.readBack).toEqual({ application: sha256Hex(bytesOf(NEW)) });
    expect(held(bench)).toEqual(bytesOf(NEW));
    const report = bench.boardFor(id, 'A').report();
    expect(report.overwrittenWords).toEqual([]);
    expect(report.misuse ?? []).toEqual([]);
  });

  it('gets bootloader and application over older ones, and nothing beside them changes', async () => {
    const bench = newBench();
    const bootloader = (seed: number) =>
      image('bootloader', { address: start, data: bytesOf(quiet(application(4001, seed, start))) });
    const other = image('filesystem', { address: start + everything - 64, data: new Uint8Array(64).fill(0x33) });
    preload(bench, 'A', [bootloader(33), application(size, 34, start + appAt), other], chip);
    const release = [bootloader(35), application(size, 36, start + appAt)];
    await run(bench, release);
    for (const part of release) {
      const [segment] = part.image.segments;
      expect(cells(bench, 'A', segment?.address ?? 0, segment?.data.length ?? 0, id)).toEqual(segment?.data);
    }
    expect(cells(bench, 'A', start + everything - 64, 64, id)).toEqual(new Uint8Array(64).fill(0x33));
    expect(bench.boardFor(id, 'A').report().misuse ?? []).toEqual([]);
    const again = await run(bench, release);
    expect(again.plan.operations.every(({ op }) => op === 'verify')).toBe(true);
  });

  it('after a power cut at any moment holds old or new firmware or starts neither, and the next run succeeds', async () => {
    const begin = newBench();
    preload(begin, 'A', [OLD], chip);
    const { ms } = await run(begin, [NEW]);
    const end = ms.connect + ms.identify + ms.survey + ms.carryOut + ms.start;
    await fc.assert(
      fc.asyncProperty(fc.double({ min: 0, max: 1, noNaN: true }), async (share) => {
        const bench = newBench(Math.round(share * 1e6));
        preload(bench, 'A', [OLD], chip);
        await run(bench, [NEW], { faults: [{ kind: 'power-cut', ms: share * end }] }).catch(mustBeOurs);
        const found = held(bench);
        const whole = [OLD, NEW].some((release) => equalBytes(found, bytesOf(release)));
        const flagStands = [OLD, NEW].some((release) =>
          equalBytes(found.subarray(0, 8), bytesOf(release).subarray(0, 8)),
        );
        expect(whole || !flagStands, `cut at ${share * end} ms`).toBe(true);
        await run(bench, [NEW]);
        expect(equalBytes(held(bench), bytesOf(NEW))).toBe(true);
      }),
      { numRuns: 6 },
    );
  });

  it('fails a unit with a stuck bit, with the address, and its flag is clear', async () => {
    const offset = size - (size % 4) - 0x400;
    const word = new DataView(bytesOf(NEW).buffer).getUint32(offset, true);
    const bit = Array.from({ length: 32 }, (_, index) => index).find((index) => (word >>> index) & 1) ?? 0;
    const bench = newBench();
    const address = start + offset;
    const failed = run(bench, [NEW], { faults: [{ kind: 'stuck-bit', address, bit, value: 0 }] });
    const error = await failed.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(FlashlineError);
    if (!(error instanceof FlashlineError)) return;
    expect(['verify-mismatch', 'flash-refused']).toContain(error.failure.code);
    const told = error.failure.where.address ?? -1;
    // The chip's own controller may tell the chunk that it refused; the read-back tells the byte.
    expect(Math.abs(told - address)).toBeLessThan(error.failure.code === 'flash-refused' ? 256 : 4);
    expect(held(bench, 8)).toEqual(new Uint8Array(8).fill(flashMemories(chip)[0]?.erased ?? 0));
  });
});

it.each(['stm32g071rb', 'nrf51822'])('%s is erased at once where everything is rewritten', async (id) => {
  const bench = newBench();
  const chip = shippedChip(id);
  const start = debugChip(chip).boot.vectors;
  const everything = flashMemories(chip)[0]?.size ?? 0;
  preload(bench, 'A', [quiet(application(everything, 37, start))], chip);
  const whole = quiet(application(everything, 38, start));
  const { plan } = await runUnit(bench, 'A', [whole], { chip });
  expect(plan.operations.filter(({ op }) => op === 'mass-erase')).toHaveLength(1);
  expect(equalBytes(cells(bench, 'A', start, everything, id), bytesOf(whole))).toBe(true);
});

function mustBeOurs(error: unknown): void {
  if (!(error instanceof FlashlineError)) throw error;
}
