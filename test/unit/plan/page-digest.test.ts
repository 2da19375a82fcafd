import { describe, expect, it } from 'vitest';
import * as fc from '#test/support/fast-check.ts';
import { Prng } from '#main/bench/prng.ts';
import { blankDigest, pageDigest } from '#main/plan/page-digest.ts';
import { flashMemories } from '#shared/model/chip.ts';
import { smallChip } from './model-flash.ts';

const PAGE = 256;
const WORDS = PAGE / 4;

function random(size: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(size);
  new Prng(seed).scramble(bytes);
  return bytes;
}

/** Pages that look alike: noise, all of a byte, a table of words that count, code of a few instructions. */
const pages: readonly (readonly [string, Uint8Array])[] = [
  ['noise', random(PAGE, 1)],
  ['zeros', new Uint8Array(PAGE)],
  ['ones', new Uint8Array(PAGE).fill(0xff)],
  ['a table', new Uint8Array(Uint32Array.from({ length: PAGE / 4 }, (_, index) => 0x20000000 + index * 8).buffer)],
  ['code', Uint8Array.from({ length: PAGE }, (_, index) => [0x08, 0xb5, 0x01, 0x46, 0x70, 0x47][index % 6] ?? 0)],
];

/** How many of these changes the digest does not tell; those that change nothing do not count. */
function undetected(page: Uint8Array, changes: Iterable<(words: DataView) => void>): number {
  const own = pageDigest(page);
  let same = 0;
  let tried = 0;
  for (const change of changes) {
    const copy = page.slice();
    change(new DataView(copy.buffer));
    if (Buffer.compare(copy, page) === 0) continue;
    tried++;
    same += Number(pageDigest(copy) === own);
  }
  if (tried === 0) throw new RangeError('nothing was changed');
  return same;
}

function* pairs(count: number): Generator<readonly [number, number]> {
  for (let i = 0; i < count; i++) for (let j = i + 1; j < count; j++) yield [i, j];
}

const flip = (words: DataView, word: number, mask: number) =>
  words.setUint32(word * 4, words.getUint32(word * 4, true) ^ mask, true);
const add = (words: DataView, word: number, value: number) =>
  words.setUint32(word * 4, words.getUint32(word * 4, true) + value, true);

describe.each(pages)('the digest of %s', (_, page) => {
  it('tells each bit', () => {
    const digests = Array.from({ length: PAGE * 8 }, (__, bit) => {
      const copy = page.slice();
      flip(new DataView(copy.buffer), bit >>> 5, 1 << (bit & 31));
      return pageDigest(copy);
    });
    expect(new Set([...digests, pageDigest(page)]).size).toBe(PAGE * 8 + 1);
  });

  it('tells two bits of two neighbours, whichever', () => {
    const bits = Array.from({ length: WORDS }, (__, word) => word).flatMap((word) =>
      word + 1 === WORDS ? [] : Array.from({ length: 1024 }, (___, two) => [word, two & 31, two >>> 5] as const),
    );
    expect(
      undetected(
        page,
        bits.map(([word, one, two]) => (view: DataView) => {
          flip(view, word, 1 << one);
          flip(view, word + 1, 1 << two);
        }),
      ),
    ).toBe(0);
  });

  it.each([
    [
      'the same bit of two words',
      (view: DataView, i: number, j: number, n: number) => [i, j].map((w) => flip(view, w, 1 << n)),
    ],
    ['two words that are inverted', (view: DataView, i: number, j: number) => [i, j].map((w) => flip(view, w, -1))],
    [
      'what one word gains, and another',
      (view: DataView, i: number, j: number, n: number) => [i, j].map((w) => add(view, w, 1 << n)),
    ],
    [
      'what one word gains, and another loses',
      (view: DataView, i: number, j: number, n: number) => [add(view, i, 1 << n), add(view, j, -(1 << n))],
    ],
  ] as const)('tells %s', (__, change) => {
    const places = [...pairs(WORDS)].flatMap(([i, j]) =>
      [0, 1, 4, 12, 13, 30, 31].map((n) => (view: DataView) => void change(view, i, j, n)),
    );
    expect(undetected(page, places)).toBe(0);
  });

  it.each([
    ['changed its sign', (view: DataView, word: number) => flip(view, word, 1 << 31)],
    ['moved on by 4', (view: DataView, word: number) => add(view, word, 4)],
    ['was inverted', (view: DataView, word: number) => flip(view, word, -1)],
  ] as const)('tells where each word of a run %s', (__, change) => {
    const runs = [...pairs(WORDS + 1)].map(([from, to]) => (view: DataView) => {
      for (let word = from; word < to; word++) change(view, word);
    });
    expect(undetected(page, runs)).toBe(0);
  });

  it('tells runs of zeros and of ones from what was there, and from each other', () => {
    const runs = [...pairs(WORDS + 1)].flatMap(([from, to]) =>
      [0x00, 0xff].map((byte) => page.slice().fill(byte, from * 4, to * 4)),
    );
    const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');
    expect(new Set(runs.map(pageDigest)).size).toBe(new Set(runs.map(hex)).size);
  });
});

describe.each(pages.filter(([, page]) => new Set(page).size > 1))('the digest of %s', (_, page) => {
  it('tells two words that are swapped', () => {
    const swap = (i: number, j: number) => (view: DataView) => {
      const [one, other] = [view.getUint32(i * 4), view.getUint32(j * 4)];
      view.setUint32(i * 4, other);
      view.setUint32(j * 4, one);
    };
    expect(
      undetected(
        page,
        [...pairs(WORDS)].map(([i, j]) => swap(i, j)),
      ),
    ).toBe(0);
  });

  it('tells what moved, by two bytes or by four, from any place on', () => {
    const move = (word: number, by: number) => (view: DataView) => {
      new Uint8Array(view.buffer).copyWithin(word * 4 + by, word * 4);
    };
    const places = Array.from({ length: WORDS - 2 }, (__, word) => word);
    expect(
      undetected(
        page,
        [2, 4].flatMap((by) => places.map((word) => move(word, by))),
      ),
    ).toBe(0);
  });
});

describe('the digest of a page', () => {
  it('differs for pages that do', () => {
    const page = fc.uint8Array({ minLength: 0, maxLength: 96 });
    fc.assert(
      fc.property(page, page, (one, other) => {
        const sameWords = Buffer.compare(padded(one), padded(other)) === 0;
        expect(pageDigest(one) === pageDigest(other)).toBe(sameWords);
      }),
    );
  });

  it('spreads over 32 bits: of 20,000 that differ in a word or two none meet', () => {
    const page = random(4096, 9);
    const view = new DataView(page.buffer);
    const digests = Array.from({ length: 20_000 }, (_, index) => {
      view.setUint32((index % 1000) * 4, index, true);
      view.setUint32(4092, index, true);
      return pageDigest(page);
    });
    expect(new Set(digests).size).toBe(digests.length);
    for (let bit = 0; bit < 32; bit++) {
      const set = digests.filter((digest) => (digest >>> bit) & 1).length;
      expect(Math.abs(set - 10_000)).toBeLessThan(400);
    }
  });

  it('is of the bytes, wherever they stand in memory', () => {
    const bytes = random(70, 3);
    const inside = new Uint8Array(100);
    inside.set(bytes, 13);
    expect(pageDigest(inside.subarray(13, 83))).toBe(pageDigest(bytes));
    expect(pageDigest(bytes)).toBe(pageDigest(padded(bytes)));
  });

  it('of erased flash is what the flash calls erased', () => {
    const digests = flashMemories(smallChip()).map((flash) => [
      blankDigest(flash),
      blankDigest({ ...flash, erased: 0 }),
    ]);
    const wanted = flashMemories(smallChip()).map(({ page }) =>
      [0xff, 0].map((byte) => pageDigest(new Uint8Array(page).fill(byte))),
    );
    expect(digests).toEqual(wanted);
  });
});

function padded(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  out.set(bytes);
  return out;
}
