import { describe, expect, test } from 'vitest';
import { wordsToBytes, writeU32 } from '#shared/base/bytes.ts';
import type { Segment } from '#main/image/image.ts';
import type { PageFlash } from '../programmer/page-flash.ts';
import { chipOf, engineOf, flash, imageOf, programOf, type Program, unitWith } from './partial-rig.ts';

const PAGE = 256;
const PAGES = 570;
const CHIP = chipOf(1024);
const BLOCK = 0xb4;
const LAST = PAGES - 1;
const USER: readonly [number, number] = [500, LAST];
/** A runtime, and the user's program, which fill all pages but the first (vectors and block) and the last (end marker). */
const OLD: Program = { pages: PAGES, regions: [[1, 500], USER] };
const OLD_BYTES = programOf(CHIP, OLD);

function bytesOf([segment]: readonly Segment[]): Uint8Array {
  return segment?.data ?? new Uint8Array();
}

/** The pages that were written, and a check that the unit holds the program in the end. */
async function update(device: PageFlash, program: readonly Segment[]) {
  device.restart();
  const { plan, outcome, bytesSurveyed } = await flash(engineOf(CHIP, [imageOf(...program)]), device);
  // Not toEqual: it looks at every byte as at a thing of its own.
  expect(Buffer.compare(device.at(0, PAGES * PAGE), bytesOf(program))).toBe(0);
  const pages = device.written.map((address) => address / PAGE);
  for (const count of device.erases.values()) expect(count).toBe(1);
  return { pages, rot: outcome.rot.map(({ address }) => address / PAGE), kept: keptBy(plan.decisions), bytesSurveyed };
}

function keptBy(decisions: readonly { action: string; reason: string; size: number }[]) {
  const kept: Record<string, number> = {};
  for (const { action, reason, size } of decisions) {
    const key = `${action} ${reason}`;
    kept[key] = (kept[key] ?? 0) + size / PAGE;
  }
  return kept;
}

describe('a program of 570 pages with a checksum block', () => {
  test('onto a blank unit: every page once', async () => {
    const { pages } = await update(unitWith(CHIP, []), OLD_BYTES);
    expect(pages).toHaveLength(PAGES);
  });

  test('the same again: nothing is written, and but two pages are looked at before the read-back', async () => {
    const { pages, kept, bytesSurveyed } = await update(unitWith(CHIP, OLD_BYTES), OLD_BYTES);
    expect(pages).toEqual([]);
    expect(kept).toEqual({ 'keep read': 2, 'keep block': 568 });
    expect(bytesSurveyed).toBeLessThan(4 * PAGE);
  });

  test('only user code changed: its pages, the block’s and the marker’s', async () => {
    const program = programOf(CHIP, { ...OLD, changed: { 510: 9, 511: 9, 540: 9 } });
    const { pages, kept, rot } = await update(unitWith(CHIP, OLD_BYTES), program);
    expect(pages).toEqual([0, 510, 511, 540, LAST]);
    expect(kept).toEqual({ 'write read': 5, 'keep block': 499, 'keep read': 66 });
    expect(rot).toEqual([]);
  });

  test('user code of another length is another region: what is common to both is kept all the same', async () => {
    const program = programOf(CHIP, {
      ...OLD,
      regions: [
        [1, 500],
        [500, 560],
        [560, LAST],
      ],
      changed: { 505: 3 },
    });
    const { pages } = await update(unitWith(CHIP, OLD_BYTES), program);
    expect(pages).toEqual([0, 505, LAST]);
  });

  test('what no region covers is always written, even where it is the same', async () => {
    const program = programOf(CHIP, { ...OLD, regions: [[1, 500]] });
    const { pages, kept } = await update(unitWith(CHIP, program), program);
    expect(pages).toEqual([0, ...Array.from({ length: 69 }, (_, index) => 500 + index), LAST]);
    expect(kept).toEqual({ 'write flag': 1, 'keep block': 499, 'write uncovered': 69, 'write marker': 1 });
  });

  test.each([
    ['a destroyed marker', (bytes: Uint8Array) => writeU32(bytes, PAGES * PAGE - 4, 0), [0, LAST]],
    [
      'a foreign placeholder',
      (bytes: Uint8Array) => bytes.set(wordsToBytes([0x87eeb07c, 0x00ff00ff, 0x00ff00ff, 0]), BLOCK),
      [0, LAST],
    ],
    ['a wrong page size', (bytes: Uint8Array) => (bytes[BLOCK + 8] = 9), [0, LAST]],
    ['a misaligned position', (bytes: Uint8Array) => writeU32(bytes, BLOCK + 4, PAGES * PAGE - 6), [0, LAST]],
    ['a torn block', (bytes: Uint8Array) => bytes.fill(0xff, BLOCK, PAGE), [0, LAST]],
  ])('on a unit with %s nothing is believed: what differs is found by reading', async (_, damage, expected) => {
    const bytes = bytesOf(OLD_BYTES).slice();
    damage(bytes);
    const { pages, kept, rot } = await update(unitWith(CHIP, [{ address: 0, data: bytes }]), OLD_BYTES);
    expect(pages).toEqual(expected);
    expect(kept['keep block']).toBeUndefined();
    expect(rot).toEqual([]);
  });

  test('a region with checksum 0 is none: its pages are looked at', async () => {
    const bytes = bytesOf(OLD_BYTES).slice();
    writeU32(bytes, BLOCK + 16, 0);
    const program = [{ address: 0, data: bytes }];
    const { pages, kept } = await update(unitWith(CHIP, program), program);
    expect(pages).toEqual([]);
    expect(kept).toEqual({ 'keep read': 2 + 499, 'keep block': 69 });
  });

  test('more than four regions', async () => {
    const regions = [1, 100, 200, 300, 400, 500].map((from): [number, number] => [
      from,
      Math.min(from + 100 - Number(from === 1), LAST),
    ]);
    const six = { ...OLD, regions };
    const program = programOf(CHIP, { ...six, changed: { 250: 5 } });
    const { pages, kept } = await update(unitWith(CHIP, programOf(CHIP, six)), program);
    expect(pages).toEqual([0, 250, LAST]);
    expect(kept).toEqual({ 'write read': 3, 'keep block': 468, 'keep read': 99 });
  });

  test('a bit of rot inside an unchanged region is found, written and recorded', async () => {
    const device = unitWith(CHIP, OLD_BYTES);
    device.flip(300 * PAGE + 17, 0x10);
    const { pages, rot } = await update(device, OLD_BYTES);
    expect(pages).toEqual([0, 300, LAST]);
    expect(rot).toEqual([300]);
  });

  test('rot beside a change costs its own page, and no other', async () => {
    const device = unitWith(CHIP, OLD_BYTES);
    for (const page of [300, 301, 498]) device.flip(page * PAGE + 17, 0x10);
    const { pages, rot } = await update(device, programOf(CHIP, { ...OLD, changed: { 510: 9 } }));
    expect(pages).toEqual([0, 300, 301, 498, 510, LAST]);
    expect(rot).toEqual([300, 301, 498]);
  });

  test('two programs with one end marker are not taken for one another', async () => {
    const other = programOf(CHIP, { ...OLD, changed: { 510: 9 } });
    const [mine, its] = [bytesOf(OLD_BYTES).slice(), bytesOf(other).slice()];
    for (const at of [BLOCK + 8, PAGES * PAGE - 4]) its.set(mine.subarray(at, at + 4), at);
    const { pages } = await update(unitWith(CHIP, [{ address: 0, data: mine }]), [{ address: 0, data: its }]);
    expect(pages).toEqual([0, 510, LAST]);
  });

  test('a block that lies about the unit is found out by the read-back', async () => {
    const bytes = bytesOf(programOf(CHIP, { ...OLD, seed: 2 })).slice();
    const old = bytesOf(OLD_BYTES);
    bytes.set(old.subarray(BLOCK, PAGE), BLOCK);
    bytes.set(old.subarray(PAGES * PAGE - 4), PAGES * PAGE - 4);
    const { rot, pages } = await update(unitWith(CHIP, [{ address: 0, data: bytes }]), OLD_BYTES);
    expect(pages).toHaveLength(PAGES);
    expect(rot).toHaveLength(568);
  });

  test('a longer program’s end marker, which the new one has nothing to say of, is cleared before anything changes', async () => {
    const longer = programOf(CHIP, {
      pages: 700,
      regions: [
        [1, 500],
        [500, 699],
      ],
    });
    const device = unitWith(CHIP, longer);
    const { pages, kept } = await update(device, programOf(CHIP, { ...OLD, changed: { 510: 9 } }));
    expect(kept['keep block']).toBe(499);
    expect(pages).toEqual([0, 510, LAST]);
    expect(device.at(700 * PAGE - 4, 4)).toEqual(new Uint8Array(4));
    const behind = bytesOf(longer).subarray(600 * PAGE, 650 * PAGE);
    expect(Buffer.compare(device.at(600 * PAGE, 50 * PAGE), behind)).toBe(0);
  });

  test('the power goes after each step of an update: the next run ends in the program, and never trusts a torn one', async () => {
    const program = programOf(CHIP, { ...OLD, changed: { 300: 4, 510: 9, 511: 9 } });
    const engine = engineOf(CHIP, [imageOf(...program)]);
    let cuts = 0;
    for (let cut = 0; ; cut++) {
      const device = unitWith(CHIP, OLD_BYTES);
      device.restart(cut);
      const ended = await flash(engine, device).then(
        () => 'whole',
        () => 'torn',
      );
      if (ended === 'whole') break;
      cuts++;
      const { pages, rot } = await update(device, program);
      expect(rot).toEqual([]);
      for (const page of pages) expect([0, 300, 510, 511, LAST]).toContain(page);
    }
    expect(cuts).toBeGreaterThanOrEqual(2 * 5);
  });

  test('a developer may leave out the read-back of what is kept: rot stays, and is told as unproven', async () => {
    const device = unitWith(CHIP, OLD_BYTES);
    device.flip(300 * PAGE + 17, 0x10);
    const program = programOf(CHIP, { ...OLD, changed: { 510: 9 } });
    const { outcome } = await flash(engineOf(CHIP, [imageOf(...program)]), device, true);
    expect(device.written.map((address) => address / PAGE)).toEqual([0, 510, LAST]);
    expect(outcome).toMatchObject({ rot: [], unproven: 567 * PAGE });
    expect(device.at(300 * PAGE + 17, 1)[0]).not.toBe(bytesOf(program)[300 * PAGE + 17]);
  });
});
