import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { FlashlineError } from '#shared/model/failure.ts';
import { NOR_KINDS } from '#main/bench/spi/nor-kinds.ts';
import { sfdpBytes } from '#main/bench/spi/sfdp-bytes.ts';
import { readSfdp, type SfdpParameters } from '#main/programmer/spi-nor/sfdp.ts';

const NIGHTLY = process.env['FLASHLINE_NIGHTLY'] !== undefined;
const RUNS = NIGHTLY ? 100_000 : 2000;

function parse(bytes: Uint8Array): Promise<SfdpParameters | undefined> {
  return readSfdp((address, length) => {
    const out = new Uint8Array(length).fill(0xff);
    out.set(bytes.subarray(address, address + length));
    return Promise.resolve(out);
  });
}

describe('SFDP', () => {
  it.each(Object.keys(NOR_KINDS))('tells of %s what its data sheet says', async (id) => {
    const kind = NOR_KINDS[id];
    if (!kind) throw new TypeError(id);
    const found = await parse(sfdpBytes(kind));
    expect(found).toMatchObject({ size: kind.size, page: 256, softReset: true });
    expect(found?.erases.map(({ size, opcode }) => ({ size, opcode }))).toEqual(
      kind.erases.map(({ size, opcode }) => ({ size, opcode })),
    );
    // Counts of units: never less than the data sheet's, and at most a unit more.
    for (const [index, { ms }] of kind.erases.entries()) {
      const told = found?.erases[index]?.ms ?? 0;
      expect(told).toBeGreaterThanOrEqual(ms);
      expect(told).toBeLessThan(ms + (ms > 512 ? 128 : 16));
    }
    expect(found?.programUs).toBeGreaterThanOrEqual(kind.programUs);
    expect(found?.programUs).toBeLessThan(kind.programUs + 64);
    expect(found?.enterFourByte).toBe(kind.enterFourByte ?? 'none');
  });

  it('is not there where its signature is not', async () => {
    expect(await parse(new Uint8Array(256).fill(0xff))).toBeUndefined();
    expect(await parse(new Uint8Array(256))).toBeUndefined();
  });

  it('takes a density that is an exponent', async () => {
    const bytes = sfdpBytes({ ...NOR_KINDS['w25q128jv'], size: 0x1000000 } as (typeof NOR_KINDS)[string]);
    new DataView(bytes.buffer).setUint32(0x84, 0x8000_0022, true);
    expect(await parse(bytes)).toMatchObject({ size: 2 ** 31 });
  });

  it('of any bytes makes parameters that can be worked with, or says that it cannot', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 256, maxLength: 256 }), fc.boolean(), async (noise, table) => {
        // Half of the cases get as far as the table itself.
        const bytes = noise.slice();
        bytes.set([0x53, 0x46, 0x44, 0x50]);
        if (table) bytes.set([0x00, 0x06, 0x01, 0x10, 0x80, 0x00, 0x00, 0xff], 8);
        const found = await parse(bytes).catch((error: unknown) => {
          if (error instanceof FlashlineError && error.failure.code === 'identity-unreadable') return undefined;
          throw error;
        });
        if (!found) return;
        expect(found.size).toBeGreaterThan(0);
        expect(Number.isSafeInteger(found.size)).toBe(true);
        expect(found.page).toBeGreaterThan(0);
        expect(found.erases.length).toBeGreaterThan(0);
        for (const erase of found.erases) {
          expect(erase.size).toBeLessThanOrEqual(found.size);
          expect(erase.ms ?? 1).toBeGreaterThan(0);
        }
      }),
      { numRuns: RUNS },
    );
  });
});
