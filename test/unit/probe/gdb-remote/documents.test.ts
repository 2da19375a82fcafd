import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { parseFlashRegions, readFlashRegions } from '#main/probe/gdb-remote/memory-map.ts';
import { readRegisterLayout } from '#main/probe/gdb-remote/target-description.ts';
import { withoutComments } from '#main/probe/gdb-remote/xml.ts';

const RUNS = { numRuns: process.env['FLASHLINE_NIGHTLY'] ? 100_000 : 2000 };

const word = fc.constantFrom(
  '<memory-map>',
  '<memory type="flash" start="0x0" length="0x1000">',
  '<memory type="flash" start="-1" length="1e99"/>',
  '<property name="blocksize">0x400</property>',
  '</memory>',
  '<memory ',
  '<!--',
  '-->',
  '<reg name="pc" bitsize="32" regnum="15"/>',
  '<reg name="r0" bitsize="0" regnum="x"',
  '<xi:include href="more.xml"/>',
  '<xi:include href="target.xml"/>',
  '>',
  ' ',
);
const document = fc
  .array(fc.oneof(word, fc.string({ maxLength: 4 })), { maxLength: 40 })
  .map((parts) => parts.join(''));

describe('documents of a gdb server', () => {
  it('of any words give regions of flash that there can be, and registers that lie in the order of their numbers', async () => {
    await fc.assert(
      fc.asyncProperty(document, async (text) => {
        for (const { start, size, blockSize } of parseFlashRegions(text)) {
          expect(start).toBeGreaterThanOrEqual(0);
          expect(start + size).toBeLessThanOrEqual(2 ** 32);
          expect(blockSize).toBeGreaterThan(0);
        }
        const layout = await readRegisterLayout(() => Promise.resolve(`l${text}`), 4096);
        expect([...(layout?.values() ?? [])].every(({ offset }) => offset >= 0)).toBe(true);
      }),
      RUNS,
    );
  });

  it('have their comments left out, as a search for both ends would', () => {
    fc.assert(
      fc.property(document, (text) => {
        const open = text.replaceAll(/<!--.*?-->/gsu, '');
        const [before = ''] = open.split('<!--');
        expect(withoutComments(text)).toBe(before);
      }),
      RUNS,
    );
  });

  it('are read a few, and not for ever, however long they are', async () => {
    let asked = 0;
    const endless = () => Promise.resolve(`m${'<memory '.repeat((asked += 1) && 1000)}`);
    expect(await readFlashRegions(endless, 16_384)).toEqual([]);
    expect(asked).toBeLessThan(30);
    asked = 0;
    expect(await readRegisterLayout(endless, 16_384)).toBeUndefined();
    expect(asked).toBeLessThan(30);
  });

  it.each(['<memory >', '<!--', '<memory a=', '<reg ', '<memory ><property name="blocksize">1<'])(
    'are read in the time of one look, whatever is repeated in them: %s',
    async (unit) => {
      const text = unit.repeat(Math.floor(0x1ffff / unit.length));
      const once = text.length;
      let looked = 0;
      // Each character is looked at by few searches: their results are bounded by what there is, not by its square.
      looked += parseFlashRegions(text).length + withoutComments(text).length;
      expect(looked).toBeLessThanOrEqual(2 * once);
      expect(await readRegisterLayout(() => Promise.resolve(`l${text}`), 4096)).toBeUndefined();
    },
  );
});
