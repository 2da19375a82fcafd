import { array, assert, constantFrom, oneof, property, string } from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { csvOf } from '#renderer/stores/plant-csv.ts';

/** A reader of RFC 4180 that shares nothing with the writer. */
function read(csv: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = '';
  let quoted = false;
  for (let at = 0; at < csv.length; at++) {
    const here = csv.charAt(at);
    if (quoted && here === '"' && csv.charAt(at + 1) === '"') cell += csv.charAt(at++);
    else if (here === '"') quoted = !quoted;
    else if (!quoted && here === ',') {
      row.push(cell);
      cell = '';
    } else if (!quoted && here === '\r' && csv.charAt(at + 1) === '\n') {
      at++;
      rows.push([...row, cell]);
      row = [];
      cell = '';
    } else cell += here;
  }
  return rows;
}

describe('a list as CSV', () => {
  it('comes back as it was, but for an apostrophe before what would be a formula', () => {
    const text = oneof(string(), constantFrom('=1+1', '@SUM(A1)', '-2', '+3', '\t=1', 'a"b', 'a,b\r\nc', '＝1'));
    const rows = array(array(text, { minLength: 2, maxLength: 5 }), { minLength: 1 });
    assert(
      property(rows, (given) => {
        const csv = csvOf(given);
        expect(csv.charAt(0)).toBe('\uFEFF');
        const back = read(csv.slice(1));
        expect(back.map((row) => row.map((cell) => cell.replace(/^'/, '')))).toEqual(
          given.map((row) => row.map((cell) => cell.replace(/^'/, ''))),
        );
        for (const cell of back.flat()) expect(cell).not.toMatch(/^[=+\-@\t\r＝＋－＠]/);
      }),
    );
  });
});
