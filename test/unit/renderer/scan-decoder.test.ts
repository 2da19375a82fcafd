import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { type Decoded, SCANNER_GAP_MS, ScanDecoder, STUTTER_MS } from '#renderer/parts/scan-decoder.ts';

const character = fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code));
const code = fc.array(character, { minLength: 1, maxLength: 40 }).map((characters) => characters.join(''));
const scannerGap = fc.integer({ min: 1, max: SCANNER_GAP_MS });
const handGap = fc.integer({ min: SCANNER_GAP_MS + 1, max: 2000 });

function press(decoder: ScanDecoder, keys: readonly string[], gaps: readonly number[], start: number): Decoded[] {
  let at = start;
  return keys.map((key, index) => decoder.press(key, (at += gaps[index % gaps.length] ?? 1)));
}

describe('a scanner told from typing', () => {
  it('takes any code at any scanner speed, by either terminator, whatever was typed before', () => {
    const input = fc.record({
      before: fc.array(character, { maxLength: 5 }),
      code,
      gaps: fc.array(scannerGap, { minLength: 1, maxLength: 8 }),
      terminator: fc.constantFrom('Enter', 'Tab'),
    });
    fc.assert(
      fc.property(input, ({ before, code, gaps, terminator }) => {
        const decoder = new ScanDecoder();
        press(decoder, before, [200], 0);
        const decoded = press(decoder, [...Array.from(code), terminator], gaps, 100_000);
        expect(decoded.at(-1)).toEqual({ kind: 'scan', code });
        expect(decoded.slice(0, -1).every((each) => each.kind === 'character')).toBe(true);
      }),
    );
  });

  it('never takes what a hand typed for a scan', () => {
    fc.assert(
      fc.property(code, fc.array(handGap, { minLength: 1, maxLength: 8 }), (text, gaps) => {
        const decoded = press(new ScanDecoder(), [...Array.from(text), 'Enter'], gaps, 0);
        expect(decoded.some((each) => each.kind === 'scan')).toBe(false);
      }),
    );
  });

  it('takes a code whole when the computer stutters in it, wherever that is', () => {
    const long = fc.array(character, { minLength: 4, maxLength: 40 }).map((characters) => characters.join(''));
    const stutter = fc.integer({ min: SCANNER_GAP_MS + 1, max: STUTTER_MS });
    fc.assert(
      fc.property(long, fc.nat(), stutter, (text, pick, wait) => {
        const keys = [...Array.from(text), 'Enter'];
        const gaps = keys.map((_, index) => (index === 1 + (pick % (keys.length - 1)) ? wait : 12));
        expect(press(new ScanDecoder(), keys, gaps, 0).at(-1)).toEqual({ kind: 'scan', code: text });
      }),
    );
  });

  it('reads codes that follow each other at once apart, and a second Enter as nothing', () => {
    const decoded = press(new ScanDecoder(), ['A', 'B', 'Enter', 'Enter', 'C', 'D', 'Tab'], [10], 0);
    expect(decoded.filter((each) => each.kind === 'scan')).toEqual([
      { kind: 'scan', code: 'AB' },
      { kind: 'scan', code: 'CD' },
    ]);
    expect(decoded[3]).toEqual({ kind: 'none' });
  });

  it('passes over Shift and other keys that stand for no character', () => {
    const decoded = press(new ScanDecoder(), ['Shift', 'H', 'Shift', 'B', 'F5', '1', 'Enter'], [6], 0);
    expect(decoded.at(-1)).toEqual({ kind: 'scan', code: 'HB1' });
  });
});
