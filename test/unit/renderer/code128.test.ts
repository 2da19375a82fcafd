import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { code128 } from '#renderer/parts/code128.ts';

/** ISO/IEC 15417, table 1: widths of a few values of each part of the table, and the stop pattern. */
const SPEC: Readonly<Record<number, string>> = {
  0: '212222',
  1: '222122',
  16: '123122',
  33: '111323',
  34: '131123',
  40: '231113',
  64: '111422',
  70: '112412',
  95: '114113',
  99: '113141',
  100: '114131',
  101: '311141',
  102: '411131',
  103: '211412',
  104: '211214',
  105: '211232',
};
const STOP = '2331112';

function symbols(text: string): string[] {
  const widths = code128(text).join('');
  return widths.slice(0, -STOP.length).match(/.{6}/g) ?? [];
}

describe('Code 128', () => {
  it('weighs each character by its place: “AIM” in set B has check value 45', () => {
    // 104 + 1*33 + 2*41 + 3*45 = 354; 354 mod 103 = 45.
    const drawn = symbols('AIM');
    expect(drawn).toHaveLength(5);
    expect(drawn[0]).toBe(SPEC[104]);
    expect(drawn[1]).toBe(SPEC[33]);
    expect(drawn[4]).toBe(drawn[3]);
  });

  it('ends with the stop pattern and puts digits into set C', () => {
    expect(code128('HB000001').join('').endsWith(STOP)).toBe(true);
    // Start B, H, B, to C, 00, 00, 01, check.
    const drawn = symbols('HB000001');
    expect(drawn).toHaveLength(8);
    expect(drawn.slice(3, 7)).toEqual([SPEC[99], SPEC[0], SPEC[0], SPEC[1]]);
  });

  it('begins in set C for digits alone and comes back to set B', () => {
    const drawn = symbols('1234A');
    expect(drawn[0]).toBe(SPEC[105]);
    expect(drawn[3]).toBe(SPEC[100]);
    expect(drawn[4]).toBe(SPEC[33]);
  });

  it('is made of distinct symbols of eleven modules, bars even in sum (the standard’s parity)', () => {
    const seen = new Map<string, string>();
    for (let code = 0x20; code < 0x7f; code++) {
      const text = String.fromCharCode(code);
      const symbol = symbols(text)[1] ?? '';
      seen.set(symbol, text);
      const widths = Array.from(symbol, Number);
      expect(widths.reduce((a, b) => a + b)).toBe(11);
      expect(((widths[0] ?? 0) + (widths[2] ?? 0) + (widths[4] ?? 0)) % 2).toBe(0);
    }
    expect(seen.size).toBe(95);
    const known = Object.entries(SPEC).filter(([value]) => Number(value) < 95);
    for (const [value, widths] of known) expect(seen.get(widths)).toBe(String.fromCharCode(Number(value) + 0x20));
  });

  it('can be read back: whatever is drawn decodes to the same text', () => {
    const table = new Map(
      Array.from({ length: 100 }, (_, pair) => [symbols(String(pair).padStart(2, '0').repeat(2))[1], pair]),
    );
    const ascii = fc
      .array(fc.integer({ min: 0x20, max: 0x7e }), { minLength: 1, maxLength: 30 })
      .map((codes) => String.fromCharCode(...codes));
    const digits = fc.stringMatching(/^[0-9]{4,12}$/);
    fc.assert(
      fc.property(
        fc.oneof(
          ascii,
          fc.tuple(ascii, digits, ascii).map((parts) => parts.join('')),
        ),
        (text) => {
          expect(decode(symbols(text), table)).toBe(text);
        },
      ),
    );
  });

  it('refuses what set B does not hold', () => {
    for (const text of ['', 'Ä', 'A\n']) expect(() => code128(text)).toThrow(RangeError);
  });
});

/** A reader of our own for the two code sets used here, by the standard's rules. */
function decode(drawn: readonly string[], table: ReadonlyMap<string | undefined, number>): string {
  let inC = drawn[0] === SPEC[105];
  let text = '';
  for (const symbol of drawn.slice(1, -1)) {
    if (symbol === SPEC[100] && inC) inC = false;
    else if (symbol === SPEC[99] && !inC) inC = true;
    else {
      const value = table.get(symbol) ?? Number.NaN;
      text += inC ? String(value).padStart(2, '0') : String.fromCharCode(value + 0x20);
    }
  }
  return text;
}
