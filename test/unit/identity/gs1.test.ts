import { array, assert, constantFrom, property, string, tuple } from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { ELEMENTS } from '#shared/identity/gs1-elements.ts';
import { Gs1Error } from '#shared/identity/gs1-element.ts';
import { GS, readGs1 } from '#shared/identity/gs1-read.ts';
import { valueFault } from '#shared/identity/gs1-value.ts';

const numRuns = process.env['FLASHLINE_NIGHTLY'] ? 100_000 : 2000;
const GTIN = '09506000134352';

function refusal(text: string): string {
  try {
    return JSON.stringify(Object.fromEntries(readGs1(text)));
  } catch (error) {
    if (error instanceof Gs1Error) return `${error.at}: ${error.message}`;
    throw error;
  }
}

describe('element strings', () => {
  const expected = { '01': GTIN, '10': 'LOT7', '21': 'HB000001', '11': '260131' };
  it.each([
    ['as a scanner sends them', `01${GTIN}10LOT7${GS}1126013121HB000001`],
    ['with a separator before the first', `${GS}01${GTIN}10LOT7${GS}1126013121HB000001`],
    ['with a separator where none is needed', `01${GTIN}${GS}10LOT7${GS}11260131${GS}21HB000001`],
    ['with brackets', `(01)${GTIN}(10)LOT7(11)260131(21)HB000001`],
    ['as a link', `https://id.gs1.org/01/${GTIN}/10/LOT7/21/HB000001?11=260131&linkType=all`],
    [
      'as a link of somebody’s own domain, below a path',
      `HTTP://example.com/p/01/${GTIN}/10/LOT7/21/HB000001/?11=260131#x`,
    ],
  ])('%s', (_, text) => {
    expect(Object.fromEntries(readGs1(text))).toEqual(expected);
  });

  it('a link may have a GTIN as it is printed, and escaped characters', () => {
    expect(Object.fromEntries(readGs1('https://example.com/01/4006381333931/21/A%2FB%25'))).toEqual({
      '01': '04006381333931',
      '21': 'A/B%',
    });
  });

  it('a bracket that no identifier fits into belongs to the value', () => {
    expect(Object.fromEntries(readGs1('(21)A(b)(3)(10)L'))).toEqual({ '21': 'A(b)(3)', '10': 'L' });
  });

  it('a value with parts: an asset with its serial, and without', () => {
    expect(Object.fromEntries(readGs1(`800309506000134352ABC`))).toEqual({ '8003': '09506000134352ABC' });
    expect(Object.fromEntries(readGs1('8004ASSET-1'))).toEqual({ '8004': 'ASSET-1' });
  });
});

describe('is refused, with the place and the reason', () => {
  it.each([
    ['a wrong check digit', `01${GTIN.slice(0, -1)}3`, '15: the check digit of (01) does not agree'],
    ['a digit that is a letter', '0109506O00134352', '7: this character cannot stand in (01)'],
    ['a value that is cut off', '0109506000', '10: (01) is cut off'],
    ['a predefined length with a separator in it', `0109506${GS}00134352`, '7: (01) is cut off'],
    ['a value that is too long', `21${'A'.repeat(21)}`, '22: (21) has more than 20 characters'],
    ['a lost separator', `10LOT721HB00000000000001`, '22: (10) has more than 20 characters'],
    ['no such month', '11261331', '4: (11) is no date'],
    ['no such day', '11250229', '4: (11) is no date'],
    ['an identifier that is none', '0509506000134352', '0: no application identifier begins with "05"'],
    ['a separator at the end', `21AB${GS}`, '4: nothing follows the last separator'],
    ['an empty value', `21${GS}10A`, '2: (21) is cut off'],
    ['a character outside of the set', '21AB CD', '4: this character cannot stand in (21)'],
    ['the same element with another value', `21A${GS}21B`, '6: (21) is there twice, and not the same'],
    ['brackets around nothing known', '(05)123', '1: (05) is no application identifier'],
    ['a link without a key', 'https://example.com/shop/123', '19: the link has no GS1 key in its path'],
    ['a link with half a character', `https://example.com/01/${GTIN}/21/A%`, '41: a % is followed by no character'],
    ['nothing', '', '0: there is too little for a GS1 code'],
  ])('%s', (_, text, words) => {
    expect(refusal(text)).toBe(words);
  });

  it('the leap day and an open day are dates', () => {
    expect(refusal('11240229')).toBe('{"11":"240229"}');
    expect(refusal('11260200')).toBe('{"11":"260200"}');
  });
});

const X = '!"%&\'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz'.split('');
const values = array(constantFrom(...X), { minLength: 1, maxLength: 20 }).map((parts) => parts.join(''));

describe('any values', () => {
  it('come back the same from every form', () => {
    assert(
      property(tuple(values, values), ([serial, batch]) => {
        const expected = { '01': GTIN, '10': batch, '21': serial };
        expect(Object.fromEntries(readGs1(`01${GTIN}10${batch}${GS}21${serial}`))).toEqual(expected);
        const link = `https://example.com/01/${GTIN}/10/${encodeURIComponent(batch)}/21/${encodeURIComponent(serial)}`;
        expect(Object.fromEntries(readGs1(link))).toEqual(expected);
        // Brackets are for people: a value that looks like another element is one.
        if (/\([0-9]{2,4}\)/u.test(serial + batch)) return;
        expect(Object.fromEntries(readGs1(`(01)${GTIN}(10)${batch}(21)${serial}`))).toEqual(expected);
      }),
      { numRuns },
    );
  });

  it('whatever comes in is elements that are right each, or a refusal with a place inside of it', () => {
    const pieces = constantFrom(
      '01',
      GTIN,
      '10',
      '21',
      GS,
      '(',
      ')',
      '11',
      '260131',
      '8003',
      '310',
      'A',
      '%',
      'https://a/',
      '/',
      '?',
      '=',
    );
    const texts = array(pieces, { maxLength: 12 }).map((parts) => parts.join(''));
    const placeOf = (text: string): number => {
      try {
        const wrong = [...readGs1(text)].some(([id, value]) => {
          const element = ELEMENTS.get(id);
          return !element || valueFault(element, value) !== null;
        });
        return wrong ? -1 : 0;
      } catch (error) {
        if (error instanceof Gs1Error) return error.at;
        throw error;
      }
    };
    const check = (text: string) => {
      expect(placeOf(text)).toBeGreaterThanOrEqual(0);
      expect(placeOf(text)).toBeLessThanOrEqual(text.length);
    };
    assert(property(texts, check), { numRuns });
    assert(property(string({ maxLength: 60 }), check), { numRuns });
  });
});

it('identifiers are told apart by their beginnings: none is the head of another', () => {
  const ids = [...ELEMENTS.keys()];
  for (const id of ids) expect(ids.filter((other) => other !== id && other.startsWith(id))).toEqual([]);
});

it('a predefined length is the length of what the identifier may have', () => {
  for (const { id, length, parts } of ELEMENTS.values()) {
    if (length === null) continue;
    expect([id, parts.reduce((sum, { least }) => sum + least, 0)]).toEqual([id, length]);
    expect([id, parts.reduce((sum, { most }) => sum + most, 0)]).toEqual([id, length]);
  }
});
