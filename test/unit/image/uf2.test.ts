import { createHash } from 'node:crypto';
import * as fc from '#test/support/fast-check.ts';
import { describe, expect, test } from 'vitest';
import { concat } from '#shared/base/bytes.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { describeUf2 } from '#main/image/describe-uf2.ts';
import { openImage } from '#main/image/open-image.ts';
import { decodeUf2Block, encodeUf2Block, Uf2Flag } from '#main/image/uf2-block.ts';
import { readUf2, writeUf2 } from '#main/image/uf2.ts';
import { failureOf } from './failure-of.ts';
import { anySegments } from './segments-arbitrary.ts';

const SAMD21 = 0x68ed2b88;
const RP2040 = 0xe48bff56;
const CASES = process.env['FLASHLINE_NIGHTLY'] ? 100_000 : 2000;
const data = Uint8Array.from({ length: 1000 }, (_, i) => (i * 7) & 0xff);
const good = writeUf2([{ address: 0x2000, data }], { family: SAMD21 });

function block(number: number, blocks: number, more: Partial<Parameters<typeof encodeUf2Block>[0]> = {}): Uint8Array {
  const payload = Uint8Array.of(number, 1, 2, 3);
  return encodeUf2Block({ address: 0x2000 + number * 256, payload, number, blocks, family: SAMD21, ...more });
}

/** The file with a word of one block changed. */
function spoiled(file: Uint8Array, offset: number, word: number): Uint8Array {
  const bytes = file.slice();
  new DataView(bytes.buffer).setUint32(offset, word, true);
  return bytes;
}

function thrownBy(call: () => unknown): unknown {
  try {
    call();
    return undefined;
  } catch (error) {
    return error;
  }
}

describe('UF2', () => {
  test('what is written is read again, in whatever order its blocks stand', () => {
    fc.assert(
      fc.property(anySegments, fc.integer({ min: 1, max: 476 }), fc.integer(), (segments, payload, seed) => {
        const file = writeUf2(segments, { family: SAMD21, payload });
        const blocks = Array.from({ length: file.length / 512 }, (_, i) => file.subarray(i * 512, (i + 1) * 512));
        const mixed = blocks.toSorted((a, b) => ((a[20] ?? 0) ^ seed) - ((b[20] ?? 0) ^ seed));
        expect(readUf2('a.uf2', concat(mixed)).segments).toEqual(segments);
      }),
    );
  });

  test('tells the MD5 of each page that it has whole, and is held to it', () => {
    const bytes = Uint8Array.from({ length: 0x3400 }, (_, at) => (at * 13) ^ (at >> 8));
    const segments = [{ address: 0x1f00, data: bytes }];
    const file = writeUf2(segments, { family: SAMD21, md5: true });
    expect(readUf2('a.uf2', file).segments).toEqual(segments);
    for (let at = 0; at < file.length; at += 512) {
      const found = decodeUf2Block(file, at);
      if ('expected' in found) throw new TypeError(found.expected);
      const start = found.address - (found.address % 0x1000);
      // Of the first page and the last the image says only a part.
      const whole = start >= 0x1f00 && start + 0x1000 <= 0x1f00 + bytes.length;
      const digest = createHash('md5')
        .update(bytes.subarray(start - 0x1f00, start - 0x1f00 + 0x1000))
        .digest();
      expect(found.md5).toEqual(whole ? { start, length: 0x1000, digest: new Uint8Array(digest) } : undefined);
    }
    // A page's byte is another: its blocks' MD5 is no more that of what they bring.
    const spoiled = file.slice();
    spoiled[3 * 512 + 40] = (spoiled[3 * 512 + 40] ?? 0) ^ 1;
    expect(failureOf(() => readUf2('a.uf2', spoiled)).code).toBe('image-syntax');
    expect(() => writeUf2(segments, { payload: 476, md5: true })).toThrow(RangeError);
  });

  test('is known by its content, whatever its name', () => {
    expect(openImage('firmware.bin', good)).toEqual({ format: 'uf2', segments: [{ address: 0x2000, data }] });
  });

  test('of several families the chip’s is taken, with numbers of its own', () => {
    const other = writeUf2([{ address: 0x10000000, data: Uint8Array.of(1, 2, 3, 4) }], { family: RP2040 });
    const joined = concat([other, good]);
    expect(openImage('a.uf2', joined, { families: [SAMD21] }).segments).toEqual([{ address: 0x2000, data }]);
    expect(openImage('a.uf2', joined, { families: [RP2040] }).segments[0]?.address).toBe(0x10000000);
    expect(failureOf(() => openImage('a.uf2', joined))).toMatchObject({
      code: 'image-family',
      params: { found: 'RP2040 (0xE48BFF56), SAMD21 (0x68ED2B88)', wanted: 'one family' },
    });
  });

  test('another chip’s firmware is refused', () => {
    const refused = failureOf(() => openImage('a.uf2', good, { families: [RP2040] }));
    expect(refused).toMatchObject({ code: 'image-family', params: { wanted: 'RP2040 (0xE48BFF56)' } });
  });

  test('what is not for the flash is passed over, but counted', () => {
    const file = concat([
      block(0, 3),
      block(1, 3, { flags: Uf2Flag.notMainFlash, address: 0 }),
      block(2, 3, { flags: Uf2Flag.fileContainer, address: 0 }),
    ]);
    expect(readUf2('a.uf2', file).segments).toEqual([{ address: 0x2000, data: Uint8Array.of(0, 1, 2, 3) }]);
    expect(failureOf(() => readUf2('a.uf2', block(0, 1, { flags: Uf2Flag.notMainFlash })))).toMatchObject({
      code: 'image-empty',
    });
  });

  test.each([
    ['half a block', good.subarray(0, 700), 512, 'blocks of 512 bytes'],
    ['no magic', spoiled(good, 512, 0), 512, 'the magic numbers 0A324655 and 9E5D5157 in block 1'],
    ['no final magic', spoiled(good, 1020, 1), 1020, 'the final magic number 0AB16F30 in block 1'],
    ['too much payload', spoiled(good, 528, 477), 528, 'at most 476 bytes (it says 477) in block 1'],
    ['a number of no block', spoiled(good, 532, 4), 532, 'a block number below 4'],
    ['a number twice', spoiled(good, 532, 0), 532, 'each number once (block 1 is number 0 again)'],
    ['blocks that disagree', spoiled(good, 536, 5), 536, '4 blocks as in the first (block 1 says 5)'],
    ['a block missing', concat([good.subarray(0, 512), good.subarray(1024)]), 1048, 'number 1 is missing'],
    ['an end beyond memory', block(0, 1, { address: 0xffff_fffe }), 12, 'ends below 4 GiB'],
  ])('%s', (_, file, offset, expected) => {
    const failure = failureOf(() => readUf2('a.uf2', file));
    expect(failure).toMatchObject({ code: 'image-syntax', where: { file: 'a.uf2', offset } });
    expect(failure.params['expected']).toContain(expected);
  });

  test('two blocks of one address', () => {
    const twice = concat([block(0, 2), block(1, 2, { address: 0x2002 })]);
    expect(failureOf(() => readUf2('a.uf2', twice))).toMatchObject({ code: 'image-overlap', where: { offset: 512 } });
  });

  test('an MD5 that is not that of its region', () => {
    const digest = createHash('md5')
      .update(Uint8Array.of(0, 1, 2, 3))
      .digest();
    const file = block(0, 1, { flags: Uf2Flag.md5 });
    new DataView(file.buffer).setUint32(484, 0x2000, true);
    new DataView(file.buffer).setUint32(488, 4, true);
    file.set(digest, 492);
    expect(readUf2('a.uf2', file).segments).toHaveLength(1);
    file[500] = (file[500] ?? 0) ^ 1;
    expect(failureOf(() => readUf2('a.uf2', file))).toMatchObject({ code: 'image-syntax', where: { offset: 492 } });
  });

  test('is described family by family, with the specification’s example of tags', () => {
    const tagged = block(0, 1, { flags: Uf2Flag.tags });
    // UF2, "Extension tags": firmware 0.1.2 for an ACME Toaster mk3.
    const tags = '09bcc79f302e312e32000000149d0d6541434d4520546f6173746572206d6b3300000000';
    tagged.set(Buffer.from(tags, 'hex'), 36);
    const half = block(0, 2, { family: RP2040 });
    expect(describeUf2('a.uf2', concat([tagged, half]))).toMatchObject({
      blocks: 2,
      families: [
        {
          family: 'SAMD21 (0x68ED2B88)',
          tags: [
            { name: 'version', value: '0.1.2' },
            { name: 'device', value: 'ACME Toaster mk3' },
          ],
          problem: null,
          segments: [{ address: 0x2000, size: 4 }],
        },
        {
          family: 'RP2040 (0xE48BFF56)',
          segments: [],
          problem: expect.stringContaining('number 1 is missing') as string,
        },
      ],
    });
  });

  test('nothing that a file holds does more than fail', () => {
    const edits = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 8 });
    fc.assert(
      fc.property(edits, fc.nat(good.length), fc.nat(0xffff), (changes, length, flags) => {
        const bytes = spoiled(good, 8, flags).subarray(0, length);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        for (const read of [readUf2, describeUf2]) {
          const thrown = thrownBy(() => read('a.uf2', bytes));
          expect(thrown === undefined || thrown instanceof FlashlineError).toBe(true);
        }
      }),
      { numRuns: CASES },
    );
  });
});
