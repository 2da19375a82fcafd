import { array, assert, boolean, nat, property, record } from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { md5, md5Of, Pieces } from '#main/programmer/esp/pieces.ts';

const SIZE = 24;
const numRuns = process.env['FLASHLINE_NIGHTLY'] ? 100_000 : 2000;
const step = record({ at: nat(SIZE - 1), size: nat(8), proves: boolean(), forgets: boolean() });

describe('what is known of the flash', () => {
  it('is what stood there last, of every byte that nothing has changed since, and never more', () => {
    assert(
      property(array(step, { maxLength: 12 }), nat(SIZE - 1), nat(SIZE), (steps, from, length) => {
        const pieces = new Pieces();
        const known: ({ readonly byte: number; readonly proven: boolean } | undefined)[] = Array.from({ length: SIZE });
        for (const [index, { at, size, proves, forgets }] of steps.entries()) {
          const bytes = new Uint8Array(Math.min(size, SIZE - at)).fill(index + 1);
          if (forgets) pieces.forget(at, bytes.length);
          else if (proves) pieces.prove({ address: at, bytes });
          else pieces.write({ address: at, bytes });
          const now = forgets ? undefined : { byte: index + 1, proven: proves };
          known.fill(now, at, at + bytes.length);
        }
        const range = known.slice(from, from + length);
        const cover = pieces.cover(from, range.length);
        if (range.length === 0) return;
        expect(cover !== undefined).toBe(range.every((byte) => byte !== undefined));
        if (!cover) return;
        expect(md5Of(cover)).toBe(md5(Uint8Array.from(range, (byte) => byte?.byte ?? 0)));
        const proven = cover.flatMap(({ piece, from: a, to: b }) => Array.from({ length: b - a }, () => piece.proven));
        expect(proven).toEqual(range.map((byte) => byte?.proven));
      }),
      { numRuns },
    );
  });
});
