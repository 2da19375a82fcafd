import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { toHex } from '#shared/base/bytes.ts';
import { sha256Hex } from '#shared/base/digest.ts';
import { flashMemories } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Fault } from '#main/bench/faults.ts';
import type { ReleaseImage } from '#main/plan/layout.ts';
import { shippedChip } from '#test/bench/bench-run.ts';
import { image, noise } from '#test/bench/releases.ts';
import { EepromRig } from './rig.ts';

const CHIPS = ['24lc02b', '24lc16b', '24lc256', '24aa025e48', 'm24c64'] as const;

function imageAt(address: number, data: Uint8Array): ReleaseImage {
  return image('application', { address, data });
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof FlashlineError) return error.failure.code;
  if (error === undefined) return 'none';
  throw error;
}

describe.each(CHIPS)('%s', (id) => {
  const chip = shippedChip(id);
  const size = Math.min(flashMemories(chip)[0]?.size ?? 0, 2048);
  const limit = flashMemories(chip)[0]?.size ?? 0;

  it('holds whatever is written over whatever it held, in one cycle a page, never over a page’s end', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(size - 1), fc.integer({ min: 1, max: size }), fc.integer(), async (at, most, seed) => {
        const rig = new EepromRig(chip);
        const data = noise(Math.min(most, size - at), seed);
        const { page = 1 } = flashMemories(chip)[0] ?? {};
        rig.model.cells.fill(0x5a, 0, limit);
        const before = rig.model.cells.slice();
        const { readBack } = await rig.write([imageAt(at, data)]);
        expect(readBack).toEqual({ application: sha256Hex(data) });
        const first = at - (at % page);
        const end = Math.ceil((at + data.length) / page) * page;
        const wanted = before.fill(0xff, first, end);
        wanted.set(data, at);
        expect(rig.model.cells).toEqual(wanted);
        expect(rig.model.cycles).toBe((end - first) / page);
        expect(rig.model.misuse).toEqual([]);
      }),
      { numRuns: 25 },
    );
  });

  it('is not written where it holds the same already', async () => {
    const rig = new EepromRig(chip);
    const data = noise(size, 1);
    await rig.write([imageAt(0, data)]);
    const { cycles } = rig.model;
    const { bytesWritten } = await rig.write([imageAt(0, data)]);
    expect(bytesWritten).toBe(0);
    expect(rig.model.cycles).toBe(cycles);
  });

  it.each<[string, Fault, string]>([
    ['write-protected', { kind: 'protected' }, 'flash-refused'],
    ['absent', { kind: 'no-target' }, 'no-target'],
    ['cut off', { kind: 'power-cut', after: 6 }, 'flash-timeout'],
    ['spoiled by a stuck cell', { kind: 'stuck-bit', address: 20, bit: 3, value: 1 }, 'verify-mismatch'],
    ['rotting behind our back', { kind: 'bit-rot', address: 4, bit: 0, after: 2 }, 'verify-mismatch'],
    ['on a bus that is stuck for good', { kind: 'stuck-sda' }, 'bus-stuck'],
    ['on an adapter that is pulled out', { kind: 'unplug', after: 6 }, 'probe-lost'],
  ])('is told when it is %s', async (_, fault, code) => {
    const rig = new EepromRig(chip);
    const data = new Uint8Array(Math.min(size, 128));
    expect(await codeOf(rig.write([imageAt(0, data)], [fault]))).toBe(code);
  });

  it('is told when it is deaf from any transfer on: as one that never finishes, or as one that is gone', async () => {
    const data = new Uint8Array(Math.min(size, 128));
    for (let after = 4; after < 11; after++) {
      const code = await codeOf(new EepromRig(chip).write([imageAt(0, data)], [{ kind: 'nack', after }]));
      expect(['flash-timeout', 'no-target']).toContain(code);
    }
  });

  it('frees a bus that a reset left in the middle of a byte, and hides a few missed addresses', async () => {
    const rig = new EepromRig(chip);
    const data = noise(64, 3);
    await rig.write(
      [imageAt(0, data)],
      [
        { kind: 'stuck-sda', times: 7 },
        { kind: 'nack', after: 4, times: 2 },
      ],
    );
    expect(rig.model.cells.subarray(0, 64)).toEqual(data);
  });

  it('after power fails anywhere, is made right by the next run, and never passes by mistake', async () => {
    const old = noise(96, 7);
    const data = noise(96, 8);
    let ends = 0;
    for (let after = 0; ends < 1; after++) {
      const rig = new EepromRig(chip);
      await rig.write([imageAt(0, old)]);
      const cut = await codeOf(rig.write([imageAt(0, data)], [{ kind: 'power-cut', after }]));
      const held = toHex(rig.model.cells.subarray(0, 96));
      expect(cut !== 'none' || held === toHex(data)).toBe(true);
      if (cut === 'none') ends++;
      await rig.write([imageAt(0, data)]);
      expect(rig.model.cells.subarray(0, 96)).toEqual(data);
    }
    for (let ms = 0; ms < 120; ms += 7) {
      const rig = new EepromRig(chip);
      await rig.write([imageAt(0, old)]);
      const cut = await codeOf(rig.write([imageAt(0, data)], [{ kind: 'power-cut', ms }]));
      const held = toHex(rig.model.cells.subarray(0, 96));
      expect(cut !== 'none' || held === toHex(data)).toBe(true);
      await rig.write([imageAt(0, data)]);
      expect(rig.model.cells.subarray(0, 96)).toEqual(data);
    }
  });
});

it('tells the EUI-48 as labels print it, and refuses a part without one', async () => {
  const rig = new EepromRig(shippedChip('24aa025e48'));
  const { unit, io } = await rig.open();
  expect((await unit.identify(io)).uid).toMatch(/^0004a3[0-9a-f]{6}$/);
  rig.model.cells.fill(0xff, 0xfa);
  expect(await codeOf(unit.identify(io))).toBe('identity-unreadable');
});

it('reads to its end and not beyond it', async () => {
  const rig = new EepromRig(shippedChip('24lc16b'));
  rig.model.cells.set(noise(2048, 9));
  const { unit, io } = await rig.open();
  const device = await unit.openFlash(io);
  expect(await device.read(0, 2048, io)).toEqual(rig.model.cells);
  expect(await device.read(0x1f0, 0x220, io)).toEqual(rig.model.cells.subarray(0x1f0, 0x410));
  expect(await codeOf(device.read(2040, 9, io))).toBe('image-outside-memory');
});
