import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { equalBytes } from '#shared/base/bytes.ts';
import { sha256Hex } from '#shared/base/digest.ts';
import { type ChipDescription, debugChip } from '#shared/model/chip.ts';
import { type FailureCode, FlashlineError, toFailure } from '#shared/model/failure.ts';
import type { Bench } from '#main/bench/bench.ts';
import type { Faults } from '#main/bench/faults.ts';
import type { ReleaseImage } from '#main/plan/layout.ts';
import { newBench, runUnit, shippedChip } from './bench-run.ts';
import { application, cells, image, preload } from './releases.ts';
import { plugUart, runByUart, type UartOptions } from './stm32-uart-run.ts';

const KIB = 1024;
const NIGHTLY = process.env['FLASHLINE_NIGHTLY'] !== undefined;
const FLASH = 0x0800_0000;

const FAMILIES = [
  { id: 'stm32f407vg', size: KIB + 5, appAt: 0x10000, otherAt: 0x40000 },
  { id: 'stm32g071rb', size: KIB + 3, appAt: 0x4000, otherAt: 0x1f800 },
] as const;

/** `b .` wherever the vectors lead. */
function quiet(release: ReleaseImage): ReleaseImage {
  release.image.segments[0]?.data.set([0xfe, 0xe7], 0x100);
  return release;
}

function bytesOf(release: ReleaseImage): Uint8Array {
  return release.image.segments[0]?.data ?? new Uint8Array();
}

function app(size: number, seed: number): ReleaseImage {
  return quiet(application(size, seed, FLASH));
}

describe.each(FAMILIES)('$id by its boot loader', ({ id, size, appAt, otherAt }) => {
  const chip: ChipDescription = shippedChip(id);
  const OLD = app(size, 31);
  const NEW = app(size, 32);
  const held = (bench: Bench, length = size) => cells(bench, 'A', FLASH, length, id);
  const run = (bench: Bench, release: readonly ReleaseImage[], options: UartOptions = {}) =>
    runByUart(bench, chip, release, options);
  const failing = async (options: UartOptions, bench = newBench()) =>
    toFailure(await run(bench, [NEW], options).catch((error: unknown) => error));

  it('is programmed, read back and started, and its controller was never asked for anything wrong', async () => {
    const bench = newBench();
    const { outcome } = await run(bench, [NEW]);
    expect(outcome.readBack).toEqual({ application: sha256Hex(bytesOf(NEW)) });
    expect(held(bench)).toEqual(bytesOf(NEW));
    const board = bench.boardFor(id, 'A');
    expect(board.report().overwrittenWords).toEqual([]);
    expect(board.report().misuse ?? []).toEqual([]);
    // The firmware runs where its vectors lead.
    board.chip.flashIdleAt(board.clock.elapsedNs + 1_000_000);
    expect(board.chip.readRegister(15)).toBe(FLASH + 0x100);
  });

  it('is started by a jump where no line resets it', async () => {
    const bench = newBench();
    await run(bench, [NEW], { entry: 'none' });
    const board = bench.boardFor(id, 'A');
    board.chip.flashIdleAt(board.clock.elapsedNs + 1_000_000);
    expect(board.chip.readRegister(15)).toBe(FLASH + 0x100);
  });

  it('gets bootloader and application over older ones, nothing beside them changes, and what is right stays', async () => {
    const bench = newBench();
    const bootloader = (seed: number) => image('bootloader', { address: FLASH, data: bytesOf(app(1001, seed)) });
    const other = image('filesystem', { address: FLASH + otherAt, data: new Uint8Array(64).fill(0x33) });
    preload(bench, 'A', [bootloader(33), application(size, 34, FLASH + appAt), other], chip);
    const release = [bootloader(35), application(size, 36, FLASH + appAt)];
    await run(bench, release);
    for (const part of release) {
      const [segment] = part.image.segments;
      expect(cells(bench, 'A', segment?.address ?? 0, segment?.data.length ?? 0, id)).toEqual(segment?.data);
    }
    expect(cells(bench, 'A', FLASH + otherAt, 64, id)).toEqual(new Uint8Array(64).fill(0x33));
    const again = await run(bench, release);
    expect(again.plan.operations.every(({ op }) => op === 'verify')).toBe(true);
  });

  it('is the same unit by its debug port: one hardware id, and each finds what the other wrote', async () => {
    const bench = newBench();
    const bySwd = await runUnit(bench, 'A', [NEW], { chip });
    const byUart = await run(bench, [NEW]);
    expect(byUart.identity.uid).toBe(bySwd.identity.uid);
    expect(byUart.plan.bytesToWrite).toBe(0);
    await run(bench, [OLD]);
    const again = await runUnit(bench, 'A', [OLD], { chip });
    expect(again.plan.bytesToWrite).toBe(0);
  });

  it('after a power cut at any moment holds old or new firmware or starts neither, and the next run succeeds', async () => {
    const begin = newBench();
    preload(begin, 'A', [OLD], chip);
    const { ms } = await run(begin, [NEW]);
    await fc.assert(
      fc.asyncProperty(fc.double({ min: 0, max: 1, noNaN: true }), async (share) => {
        const bench = newBench();
        preload(bench, 'A', [OLD], chip);
        const cut = await run(bench, [NEW], { faults: [{ kind: 'power-cut', ms: share * ms }] }).catch(
          (error: unknown) => error,
        );
        if (cut instanceof Error && !(cut instanceof FlashlineError)) throw cut;
        const whole = [OLD, NEW].some((release) => equalBytes(held(bench), bytesOf(release)));
        expect(whole || !bootable(held(bench, 8))).toBe(true);
        await run(bench, [NEW]);
        expect(held(bench)).toEqual(bytesOf(NEW));
      }),
      { numRuns: NIGHTLY ? 2000 : 15, seed: 7 },
    );
  });

  it('after a power cut before any packet too', async () => {
    // Two WRITEs and what else a run has: each packet of it, and of the larger chip's each fourth by day.
    const step = NIGHTLY || id === 'stm32g071rb' ? 1 : 4;
    const [old, next] = [app(264, 37), app(264, 38)];
    let begun = 0;
    for (let after = 0; ; after += step) {
      const bench = newBench();
      preload(bench, 'A', [old], chip);
      const cut = await run(bench, [next], { faults: [{ kind: 'power-cut', after }] }).catch((error: unknown) => error);
      const found = held(bench, 264);
      const whole = [old, next].some((release) => equalBytes(found, bytesOf(release)));
      expect(whole || !bootable(found.subarray(0, 8)), `before packet ${after}`).toBe(true);
      if (!(cut instanceof Error)) break;
      expect(cut).toBeInstanceOf(FlashlineError);
      if (whole && !NIGHTLY) continue;
      begun++;
      await run(bench, [next]);
      expect(held(bench, 264)).toEqual(bytesOf(next));
    }
    expect(begun).toBeGreaterThan(0);
  });

  it.each<[FailureCode, Faults, UartOptions?]>([
    ['no-target', [{ kind: 'silent', after: 0 }]],
    ['no-target', [], { entry: 'rts-boot-dtr-reset' }],
    ['no-target', [], { baud: 921_600 }],
    ['probe-protocol', [], { parity: 'none' }],
    ['probe-protocol', [{ kind: 'echo' }]],
    ['probe-protocol', [{ kind: 'chatter' }]],
    ['probe-protocol', [{ kind: 'refuses', after: 0 }]],
    ['flash-refused', [{ kind: 'refuses', after: 8 }]],
    ['flash-timeout', [{ kind: 'endless', after: 0 }]],
    ['flash-timeout', [{ kind: 'endless', after: 3 }]],
    ['probe-silent', [{ kind: 'silent', after: 20 }]],
    ['probe-lost', [{ kind: 'unplug', after: 30 }]],
    ['wrong-chip', [{ kind: 'wrong-chip' }]],
    ['wrong-chip', [{ kind: 'wrong-size' }]],
    ['chip-protected', [{ kind: 'protected' }]],
    ['verify-mismatch', [{ kind: 'stuck-bit', address: FLASH + 0x40, bit: 3, value: 0 }]],
    ['probe-address', [], { entry: 'by-hand' }],
  ])('ends with %s when %j %j', async (code, faults, options = {}) => {
    expect((await failing({ ...options, faults })).code).toBe(code);
  });

  it('reaches a boot loader that was left in the middle of a command', async () => {
    const bench = newBench();
    const { io, open } = plugUart(bench, chip, {
      entry: 'none',
      wrap: (link) => ({
        ...link,
        kind: 'stream',
        url: link.url,
        write: (data, context) => link.write(data, context),
        read: (timeoutMs, context) => link.read(timeoutMs, context),
        setFormat: (format, context) => link.setFormat(format, context),
        setLines: (lines, context) => link.setLines(lines, context),
        discard: (context) => link.discard(context),
        // Somebody else's session: the port stays as it is.
        close: () => Promise.resolve(),
      }),
    });
    const first = await open();
    await first.identify(io);
    const second = await open();
    expect((await second.identify(io)).uid).toBe((await first.identify(io)).uid);
  });

  it('is locked, refuses to be read, and is opened by an erase of everything', async () => {
    const bench = newBench();
    preload(bench, 'A', [OLD], chip);
    const locking = plugUart(bench, chip);
    const unit = await locking.open();
    const locked = await unit.protection?.lock(locking.io);
    expect(locked).toEqual({ locked: true, observed: { RDP: 'level 1 (READ is refused)' } });
    await unit.close(locking.io);
    expect((await failing({}, bench)).code).toBe('chip-protected');
    expect(held(bench)).toEqual(bytesOf(OLD));

    const opening = plugUart(bench, chip);
    const again = await opening.open();
    expect(await again.protection?.read(opening.io)).toMatchObject({ locked: true });
    expect(await again.protection?.unlock(opening.io)).toEqual({
      locked: false,
      forGood: false,
      observed: { RDP: 'level 0 (0xAA)' },
    });
    await again.close(opening.io);
    expect(held(bench).every((byte) => byte === debugErased(chip))).toBe(true);
    await run(bench, [NEW]);
    expect(held(bench)).toEqual(bytesOf(NEW));
  });
});

/** A stack pointer in RAM and a reset vector in flash: what a core would start from. */
function bootable(vectors: Uint8Array): boolean {
  const view = new DataView(vectors.buffer, vectors.byteOffset, vectors.byteLength);
  const [stack, reset] = [view.getUint32(0, true), view.getUint32(4, true)];
  return stack >>> 28 === 2 && reset >>> 24 === 8 && (reset & 1) === 1;
}

function debugErased(chip: ChipDescription): number {
  const [memory] = debugChip(chip).memories;
  return memory?.kind === 'flash' ? memory.erased : -1;
}
