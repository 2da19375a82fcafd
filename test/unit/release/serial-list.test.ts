import { describe, expect, it } from 'vitest';
import { toFailure } from '#shared/model/failure.ts';
import { Recipe } from '#shared/model/recipe.ts';
import { readList } from '#main/release/serial-list.ts';

const SOURCE = { list: 'acme', columns: { serial: 'SN', mac: 'MAC', batch: 'Lot no' }, take: 'next' } as const;
const RECIPE = Recipe.parse({
  schema: 1,
  product: { id: 'hello', revision: 'A', name: 'Hello' },
  chip: 'nrf52840',
  interface: 'swd',
  images: [{ role: 'application', file: 'a.hex', version: '1' }],
  serial: { pattern: '^HB[0-9]{7}$', check: { scheme: 'luhn', of: undefined }, source: SOURCE },
});
const PLAIN = { ...RECIPE, serial: { pattern: '^HB[0-9]{3}$' } };

const list = (text: string, recipe = PLAIN) => readList('acme.csv', new TextEncoder().encode(text), recipe, SOURCE);
function refusal(text: string | Uint8Array) {
  try {
    const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
    readList('acme.csv', bytes, PLAIN, SOURCE);
    return null;
  } catch (error) {
    const { code, where, params } = toFailure(error);
    return `${code} ${where.line}: ${params['detail']}`;
  }
}

describe('a list of serials', () => {
  it('is read by its headings, in any order of the columns, with what a spreadsheet does to it', () => {
    const text = '\uFEFFLot no,extra,MAC,SN\r\n7,x,02:00:5E:00:53:01,HB001\r\n\r\n# none\r\n"8 ","a,b",m, HB002\r\n';
    expect(list(text)).toEqual([
      { serial: 'HB001', fields: { mac: '02:00:5E:00:53:01', batch: '7' }, line: 2 },
      { serial: 'HB002', fields: { mac: 'm', batch: '8' }, line: 5 },
    ]);
  });

  it.each([
    ['nothing', '', 'list-invalid 1: line 1: there is no line with headings'],
    ['no rows', 'SN,MAC,Lot no\n', 'list-invalid 2: line 2: there is no row below the headings'],
    ['a column that is missing', 'SN,MAC\nHB001,m\n', 'list-invalid 1: line 1: there is no column Lot no'],
    ['a column that is there twice', 'SN,SN,MAC,Lot no\n', 'list-invalid 1: line 1: column SN is there twice'],
    [
      'rows that are wrong, all of them told',
      'SN,MAC,Lot no\nHB001,m,7\nHB001,n,7\nHBX,m,7\nHB004,m\nHB005,,7\nHB006,m,7,8\n',
      'list-invalid 3: line 3: HB001 is in line 2 already; line 4: "HBX" does not match the pattern; line 5: has 2 cells, the headings are 3; line 6: has no mac; line 7: has 4 cells, the headings are 3',
    ],
    [
      'a quote that is never closed',
      'SN,MAC,Lot no\nHB001,"m,7\nHB002,m,7\n',
      'list-invalid 2: line 2: has 2 cells, the headings are 3',
    ],
    [
      'an end of line in a value',
      'SN,MAC,Lot no\nHB001,"m\nn",7\n',
      'list-invalid 2: line 2: mac has a control character or an end of line in it',
    ],
    ['no text', Uint8Array.of(0x53, 0xff), 'list-invalid undefined: it is no UTF-8 text'],
  ])('is refused for %s', (_, text, words) => {
    expect(refusal(text)).toBe(words);
  });

  it('tells ten lines and counts the others', () => {
    const rows = Array.from({ length: 25 }, () => 'HBX,m,7').join('\n');
    expect(refusal(`SN,MAC,Lot no\n${rows}`)).toContain('; and 15 more');
  });

  it('a million lines behind an open quote are one row', () => {
    const text = `SN,MAC,Lot no\n"${'x\n'.repeat(1_000_000)}`;
    expect(refusal(text)).toContain('line 2: has 1 cells');
  });
});
