import { createRequire } from 'node:module';
import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { concat } from '#shared/base/bytes.ts';
import { decodeUf2Block, UF2_BLOCK } from '#main/image/uf2-block.ts';
import { uf2FamilyName } from '#main/image/uf2-families.ts';
import { readUf2, writeUf2 } from '#main/image/uf2.ts';

interface TheirBlock {
  readonly flags: number;
  readonly flashAddress: number;
  readonly payload: Uint8Array;
  readonly blockNumber: number;
  readonly totalBlocks: number;
  readonly boardFamily: number;
}

/** Wokwi's reader and writer (npm `uf2`). */
const theirs = createRequire(import.meta.url)('uf2') as {
  decodeBlock(data: Uint8Array): TheirBlock;
  encodeBlock(block: TheirBlock): Uint8Array;
  readonly familyMap: ReadonlyMap<number, string>;
};
const FAMILY = 0x2000;
const MD5 = 0x4000;
const SAMD21 = 0x68ed2b88;

describe('UF2 as npm’s uf2 has it', () => {
  it('reads what we write', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 2000 }), fc.integer({ min: 1, max: 119 }), (data, words) => {
        const file = writeUf2([{ address: 0x2000, data }], { family: SAMD21, payload: words * 4 });
        const blocks = Array.from({ length: file.length / UF2_BLOCK }, (_, i) =>
          theirs.decodeBlock(file.subarray(i * UF2_BLOCK, (i + 1) * UF2_BLOCK)),
        );
        expect(concat(blocks.map(({ payload }) => payload))).toEqual(data);
        expect(blocks.map(({ blockNumber }) => blockNumber)).toEqual([...blocks.keys()]);
        for (const block of blocks)
          expect(block).toMatchObject({ flags: FAMILY, boardFamily: SAMD21, totalBlocks: blocks.length });
      }),
    );
  });

  it('reads data that has an MD5 behind it', () => {
    const data = Uint8Array.from({ length: 0x2000 }, (_, at) => (at * 5) ^ (at >> 7));
    const file = writeUf2([{ address: 0x2000, data }], { family: SAMD21, md5: true });
    const blocks = Array.from({ length: file.length / UF2_BLOCK }, (_, i) =>
      theirs.decodeBlock(file.subarray(i * UF2_BLOCK, (i + 1) * UF2_BLOCK)),
    );
    expect(concat(blocks.map(({ payload }) => payload))).toEqual(data);
    expect(new Set(blocks.map(({ flags }) => flags))).toEqual(new Set([FAMILY | MD5]));
  });

  it('writes what we read', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 4, maxLength: 476 }), { minLength: 1, maxLength: 6 }),
        (parts) => {
          let address = 0x2000;
          const file = parts.map((payload, blockNumber) => {
            const at = address;
            address += payload.length;
            const totalBlocks = parts.length;
            return theirs.encodeBlock({
              flags: FAMILY,
              flashAddress: at,
              payload,
              blockNumber,
              totalBlocks,
              boardFamily: SAMD21,
            });
          });
          expect(readUf2('a.uf2', concat(file)).segments).toEqual([{ address: 0x2000, data: concat(parts) }]);
          expect(decodeUf2Block(file[0] ?? new Uint8Array())).toMatchObject({ family: SAMD21, tags: [] });
        },
      ),
    );
  });

  it.each([['SAMD21'], ['SAMD51'], ['SAML21'], ['ATMEGA32'], ['NRF52840'], ['NRF52833'], ['RP2040'], ['STM32F407']])(
    'has the same number for %s',
    (name) => {
      const [family] = [...theirs.familyMap].find(([, theirName]) => theirName.toUpperCase().endsWith(name)) ?? [0];
      expect(uf2FamilyName(family)).toBe(`${name} (0x${family.toString(16).toUpperCase()})`);
    },
  );
});
