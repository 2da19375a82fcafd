import { constants, inflateSync } from 'node:zlib';
import { assert, asyncProperty, integer, nat } from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { concat } from '#shared/base/bytes.ts';
import { BLOCK, fullPackets, windowPackets } from '#main/programmer/esp/packets.ts';
import { firmware } from '#test/support/esp-unit.ts';

const KIB = 1024;
const WINDOW = 32 * KIB;
const numRuns = process.env['FLASHLINE_NIGHTLY'] ? 2000 : 12;

/** What an inflater has put out when it has come so far. */
const inflated = (packets: readonly Uint8Array[]) =>
  inflateSync(concat(packets), { finishFlush: constants.Z_SYNC_FLUSH });

describe('packets for the stub', () => {
  it('bring what was given, each with room in its buffer', async () => {
    await assert(
      asyncProperty(integer({ min: 1, max: 28 }), nat(5), nat(999), async (sectors, erases, seed) => {
        const bytes = firmware(sectors * 4 * KIB, seed + 1);
        for (const packets of [await fullPackets(bytes), await windowPackets(bytes, erases)]) {
          expect(packets.every(({ length }) => length > 0 && length <= BLOCK)).toBe(true);
          // The end is checked too: RFC 1950's sum.
          expect(inflateSync(concat(packets)).equals(bytes)).toBe(true);
        }
      }),
      { numRuns },
    );
  });

  it('end with each window as long as the flash is erased, so that the stub begins no erase behind a write', async () => {
    const bytes = firmware(7 * WINDOW, 7);
    const packets = await windowPackets(bytes, 5);
    const reached = packets.map((_, index) => inflated(packets.slice(0, index + 1)).length);
    for (let window = 1; window <= 5; window++) {
      const last = reached.indexOf(window * WINDOW);
      expect(last).toBe(window * 2 - 1);
      // The one before began the erase, and filled nothing.
      expect(reached[last - 1]).toBeLessThan(window * WINDOW);
      expect(reached[last - 1]).toBeGreaterThan((window - 1) * WINDOW);
    }
    expect(packets.slice(10, -1).every(({ length }) => length === BLOCK)).toBe(true);
  });

  it('cost hardly more bytes for it', async () => {
    const bytes = firmware(8 * WINDOW, 3);
    const size = (packets: readonly Uint8Array[]) => packets.reduce((sum, { length }) => sum + length, 0);
    expect(size(await windowPackets(bytes, Infinity))).toBeLessThan(size(await fullPackets(bytes)) * 1.01);
  });
});
