import type { FlashMemory } from '#shared/model/chip.ts';

/** Odd, so that nothing is lost by it; 5 modulo 8, so that the highest bits do not come out as they went in. */
const FACTOR = 0xc2b2ae3d | 0;
const PLACES = 13;

/**
 * What a survey tells pages apart by: 32 bits, made by a unit's own core as by us (resources/flash-algorithms/common/digest.S), little
 * endian words, zeros behind the last. A hint, never a proof: what was skipped for it is read back and hashed.
 *
 * Two sums, and five cycles a word: `a` takes each word and is rotated, so that every bit comes to be a low one, and after every second
 * word multiplied, so that low ones reach all above; `b` adds up what `a` was. A change that later words undo in `a` stays in `b`.
 */
export function pageDigest(bytes: Uint8Array): number {
  const { length } = bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  let a = FACTOR;
  let b = 0;
  for (let at = 0; at < length; at += 4) {
    a ^= at + 4 <= length ? view.getInt32(at, true) : lastWord(bytes.subarray(at));
    b = (b + a) | 0;
    a = (a >>> PLACES) | (a << (32 - PLACES));
    if (at & 4) a = Math.imul(a, FACTOR);
  }
  return (a ^ b) >>> 0;
}

function lastWord(bytes: Uint8Array): number {
  return bytes.reduce((word, byte, index) => word | (byte << (index * 8)), 0);
}

/** Of a page that is erased. */
export function blankDigest(memory: FlashMemory): number {
  return pageDigest(new Uint8Array(memory.page).fill(memory.erased));
}
