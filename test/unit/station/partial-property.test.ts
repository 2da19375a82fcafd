import * as fc from '#test/support/fast-check.ts';
import { expect, test } from 'vitest';
import { readU32 } from '#shared/base/bytes.ts';
import type { PageFlash } from '../programmer/page-flash.ts';
import { chipOf, engineOf, flash, imageOf, programOf, type Program, unitWith } from './partial-rig.ts';

const CASES = process.env['FLASHLINE_NIGHTLY'] ? 100_000 : 10_000;
const PAGE = 64;
const POSITION = 0x10;
const CHIP = chipOf(16, { page: PAGE, position: POSITION });

/** Few pages and few contents, so that programs have regions in common, and lengths, and all of their pages. */
const program: fc.Arbitrary<Program> = fc
  .record({
    pages: fc.integer({ min: 3, max: 12 }),
    cuts: fc.uniqueArray(fc.integer({ min: 1, max: 11 }), { minLength: 0, maxLength: 5 }),
    changed: fc.dictionary(fc.integer({ min: 1, max: 11 }).map(String), fc.constantFrom(1, 1, 2), { maxKeys: 4 }),
  })
  .map(({ pages, cuts, changed }) => {
    const ends = [...cuts.filter((cut) => cut < pages - 1).toSorted((a, b) => a - b), pages - 1];
    const regions = ends.slice(1).map((to, index): [number, number] => [ends[index] ?? 0, to]);
    return { pages, regions, changed };
  });

const triple = fc.record({
  old: program,
  next: program,
  tear: fc.option(fc.nat(40), { freq: 4 }),
  noise: fc.nat(255),
  rot: fc.option(fc.integer({ min: PAGE, max: 12 * PAGE - 1 }), { freq: 2 }),
});

const u32 = (unit: PageFlash, address: number) => readU32(unit.at(address, 4), 0);

/** A region as the block at its place has it: `first page, pages, checksum`, as text. Written down apart from the reader. */
function regionsOf(bytes: Uint8Array): Map<string, readonly [number, number]> {
  const regions = new Map<string, readonly [number, number]>();
  for (let at = 12; readU32(bytes, at) !== 0; at += 8) {
    const [first, pages] = [readU32(bytes, at) & 0xffff, readU32(bytes, at) >>> 16];
    regions.set(`${first} ${pages} ${readU32(bytes, at + 4)}`, [first, first + pages]);
  }
  return regions;
}

/** The pages that the rules let nobody leave alone, for a unit as it is now. */
function fewest(unit: PageFlash, wanted: Uint8Array): { readonly pages: number[]; readonly blind: number[] } {
  const pages = Array.from({ length: wanted.length / PAGE }, (_, page) => page);
  const differs = (page: number) =>
    Buffer.compare(unit.at(page * PAGE, PAGE), wanted.subarray(page * PAGE, (page + 1) * PAGE)) !== 0;
  const marker = readU32(wanted, POSITION + 4);
  const [magic, itsMarker, value] = [0, 4, 8].map((at) => u32(unit, POSITION + at));
  const stands =
    magic === 0x07eeb07c &&
    itsMarker !== undefined &&
    itsMarker % 4 === 0 &&
    itsMarker < 1024 &&
    u32(unit, itsMarker) === value;
  const own = [0, Math.floor(marker / PAGE), ...(stands ? [Math.floor((itsMarker ?? 0) / PAGE)] : [])];
  const mine = regionsOf(wanted.subarray(POSITION));
  const covered = (page: number) => [...mine.values()].some(([from, to]) => page >= from && page < to);
  // Written whatever they hold, so that nobody knows whether they are blank.
  const blind = pages.filter((page) => stands && !own.includes(page) && !covered(page));
  const must = pages.filter((page) => differs(page) || blind.includes(page));
  const all = must.length > 0 ? [...must, ...own.filter((page) => page < pages.length)] : [];
  return { pages: [...new Set(all)].toSorted((a, b) => a - b), blind };
}

test('old program, new program, where the power goes: in the end the unit holds the new one, with the fewest writes', async () => {
  await fc.assert(
    fc.asyncProperty(triple, async ({ old, next, tear, noise, rot }) => {
      const [before, wanted] = [old, next].map((each) => programOf(CHIP, each));
      const [{ data } = { data: new Uint8Array() }] = wanted ?? [];
      const engine = engineOf(CHIP, [imageOf({ address: 0, data })]);
      const unit = unitWith(CHIP, before ?? []);
      unit.noise = noise;
      if (tear !== null) {
        unit.restart(tear);
        await flash(engine, unit).catch(() => undefined);
        unit.restart();
      }
      if (rot !== null) unit.flip(rot, 1);
      const { pages, blind } = fewest(unit, data);
      const expected = pages.map((page) => page * PAGE);
      const needErase = expected.filter(
        (at) => blind.includes(at / PAGE) || unit.at(at, PAGE).some((byte) => byte !== 0xff),
      );
      const { outcome } = await flash(engine, unit);
      const ends = {
        same: Buffer.compare(unit.at(0, data.length), data),
        written: unit.written,
        erases: [...unit.erases].toSorted(([a], [b]) => a - b),
        bytes: outcome.bytesWritten,
      };
      const bytes = expected.length * PAGE;
      expect(ends).toMatchObject({ same: 0, written: expected, erases: needErase.map((at) => [at, 1]) });
      expect(ends.bytes).toBeLessThanOrEqual(bytes);
    }),
    { numRuns: CASES },
  );
});
