import * as fc from '#test/support/fast-check.ts';
import type { Segment } from '#main/image/image.ts';

/** Sorted segments that never touch, near the places where formats change: 64 KiB borders and both ends of memory. */
export const anySegments: fc.Arbitrary<Segment[]> = fc
  .array(
    fc.tuple(
      fc.oneof(fc.constantFrom(0, 0xfffe, 0x1fff0, 0xffff_fff0, 0x1000_1080, 0x00ff_fff8), fc.nat(0xffff_ffff)),
      fc.uint8Array({ minLength: 1, maxLength: 70 }),
    ),
    { minLength: 1, maxLength: 6 },
  )
  .map((placed) => {
    const segments: Segment[] = [];
    let free = 0;
    for (const [address, data] of placed.toSorted(([a], [b]) => a - b)) {
      if (address < free || address + data.length > 2 ** 32) continue;
      segments.push({ address, data });
      free = address + data.length + 1;
    }
    return segments;
  })
  .filter((segments) => segments.length > 0);
