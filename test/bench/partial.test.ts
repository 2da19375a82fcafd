import { describe, expect, it } from 'vitest';
import { type ChipDescription, flashHolding } from '#shared/model/chip.ts';
import type { Plan } from '#shared/model/plan.ts';
import { addChecksumBlock } from '#main/image/add-checksum-block.ts';
import type { ReleaseImage } from '#main/plan/layout.ts';
import { newBench, runUnit, shippedChip } from './bench-run.ts';
import { application, cells, image } from './releases.ts';
import { runUf2, SAMD21, SEEN, uf2Bench } from './uf2-run.ts';

const NRF51 = shippedChip('nrf51822');
const PAGES = 40;
/** Runtime, and the user's code. */
const SPLIT = 30;

/** Firmware with a block where its chip has it, and `seed` in the pages of the user's code that are named. */
function firmware(chip: ChipDescription, start: number, changed: readonly number[] = []): ReleaseImage {
  const position = chip.checksumBlock?.position ?? 0;
  const memory = flashHolding(chip, start, 1);
  if (!memory) throw new TypeError('no flash there');
  const { page } = memory;
  const [segment] = application(PAGES * page, 5, start).image.segments;
  const data = segment?.data ?? new Uint8Array();
  // `b .` behind the vectors: firmware that does nothing to the chip.
  data.set([0xfe, 0xe7], 0x100);
  for (const number of changed) data.fill(number & 0x7f, number * page + 16, number * page + 24);
  if (position >= start && position < start + data.length) data.fill(0xff, position - start, page);
  data.fill(0xff, data.length - 4);
  const regions = [
    { address: start, size: SPLIT * page },
    { address: start + SPLIT * page, size: (PAGES - SPLIT) * page },
  ];
  const options = { position, memory, frequent: false, mayGrow: true, markerAt: start + data.length - 4, regions };
  return image('application', ...addChecksumBlock({ segments: [{ address: start, data }], ...options }).segments);
}

function inPages({ decisions }: Plan, page: number): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { action, reason, memory, size } of decisions) {
    const key = `${action} ${reason}${memory === 'flash' ? '' : ` ${memory}`}`;
    sums[key] = (sums[key] ?? 0) + (memory === 'flash' ? size / page : 1);
  }
  return sums;
}

describe('an update of user code alone', () => {
  it.each([
    [
      'nrf51822',
      NRF51,
      0,
      { 'write flag': 1, 'write read': 2, 'keep block': 29, 'keep read': 8, 'write read uicr': 1 },
    ],
    ['atsamd21g18a', SAMD21, 0, { 'write digest': 3, 'keep block': 29, 'keep digest': 8 }],
  ] as const)('by SWD on %s leaves the runtime alone, and proves it', async (id, chip, at, expected) => {
    const bench = newBench();
    const start = id === 'nrf51822' ? at : 0x2000;
    await runUnit(bench, 'A', [firmware(chip, start)], { chip });
    const next = firmware(chip, start, [33]);
    const { plan, outcome } = await runUnit(bench, 'A', [next], { chip });
    const page = flashHolding(chip, start, 1)?.page ?? 0;
    expect(inPages(plan, page)).toEqual(expected);
    for (const { address, data } of next.image.segments)
      expect(cells(bench, 'A', address, data.length, id)).toEqual(data);
    expect(outcome).toMatchObject({ rot: [], unproven: 0 });
    const again = await runUnit(bench, 'A', [next], { chip });
    expect(again.outcome.bytesWritten).toBe(0);
    expect(bench.boardFor(id, 'A').report().overwrittenWords).toEqual([]);
  });

  it.each(['uf2', 'hf2'] as const)('by %s sends only the blocks that are needed', async (way) => {
    const chip = SEEN[way];
    const bench = uf2Bench();
    await runUf2(bench, way, [firmware(chip, 0x2000)]);
    const { plan, outcome, loader } = await runUf2(bench, way, [firmware(chip, 0x2000, [33, 35])]);
    const looked = way === 'uf2' ? 'read' : 'digest';
    expect(inPages(plan, 256)).toEqual({ [`write ${looked}`]: 4, 'keep block': 29, [`keep ${looked}`]: 7 });
    expect(outcome.bytesWritten).toBeLessThanOrEqual(4 * 256);
    expect(loader.startsApplication).toBe(true);
    const again = await runUf2(bench, way, [firmware(chip, 0x2000, [33, 35])]);
    expect(inPages(again.plan, 256)).toEqual({ 'keep block': 38, [`keep ${looked}`]: 2 });
    expect(again.outcome.bytesWritten).toBe(0);
  });
});
