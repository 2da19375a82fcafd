import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TakenFrom } from '#main/log/log.ts';
import { type LogDatabase, openLogDatabase } from '#main/log/log-database.ts';
import { SqliteNumberBook } from '#main/log/number-book.ts';
import type { SqliteUnitLog } from '#main/log/sqlite-unit-log.ts';
import { A_DAY, draft, openAt, opening, standingClock, temporaryFolder } from './fixtures.ts';

let folder: ReturnType<typeof temporaryFolder>;
let file: string;
let log: SqliteUnitLog;
let database: LogDatabase;
let book: SqliteNumberBook;
const openAgain = () => {
  log = openAt(file);
  database = openLogDatabase({ file, clock: standingClock(), warn: () => undefined });
  book = new SqliteNumberBook(database);
};
const close = async () => {
  database.close();
  await log.close();
};
beforeEach(() => {
  folder = temporaryFolder();
  file = join(folder.path, 'station.db');
  openAgain();
});
afterEach(async () => {
  await close();
  folder.remove();
});

const counted = (number: number, over: Partial<TakenFrom> = {}): TakenFrom => ({
  source: 'counter:boards',
  number,
  size: 1,
  text: `HB${String(number).padStart(6, '0')}`,
  run: null,
  at: A_DAY,
  last: 9,
  ...over,
});

async function ran(run: string, serial: string, over: Partial<Parameters<SqliteUnitLog['finish']>[0]> = {}) {
  await log.begin(opening(run, serial));
  await log.finish(draft(run, { serial, ...over }));
}

describe('a counter', () => {
  it('goes on after a restart, for another process too, and never back', async () => {
    expect(await book.next('counter:boards')).toBeNull();
    expect(await book.take(counted(3))).toBe('taken');
    await close();
    openAgain();
    expect(await book.next('counter:boards')).toBe(4);
    const other = new SqliteNumberBook(openLogDatabase({ file, clock: standingClock(), warn: () => undefined }));
    expect(await other.take(counted(4))).toBe('taken');
    expect(await book.take(counted(4))).toBe('moved');
    expect(await book.take(counted(2))).toBe('moved');
    expect(await book.next('counter:boards')).toBe(5);
    expect(() => database.run('UPDATE numbers SET next = 1')).toThrow(/taken once/);
    for (const sql of ['DELETE FROM numbers_taken', "UPDATE numbers_taken SET text = ''", 'DELETE FROM numbers'])
      expect(() => database.run(sql)).toThrow(/taken once|never forgotten/);
  });

  it('passes over a number that a unit has: this file may be a backup of before', async () => {
    await ran('r1', 'HB000001');
    expect(await book.take(counted(1))).toBe('known');
    expect(await book.take(counted(2))).toBe('taken');
    // The bench's units are others.
    expect(await book.take(counted(1, { source: 'bench:counter:boards' }))).toBe('taken');
    await ran('r2', 'HB000009', { macs: ['02:00:5e:00:53:04'] });
    const mac = { source: 'mac:boards', size: 4, last: 0x02005e0053ff };
    expect(await book.take(counted(0x02005e005304, { ...mac, text: '02:00:5e:00:53:04' }))).toBe('known');
    expect(await book.take(counted(0x02005e005308, { ...mac, text: '02:00:5e:00:53:08' }))).toBe('taken');
  });

  it('tells what became of each number, and what is left', async () => {
    for (const number of [1, 2, 3, 4]) await book.take(counted(number));
    await ran('r1', 'HB000001');
    await ran('r2', 'HB000002', { verdict: 'FAIL' });
    await log.begin(opening('r3', 'HB000003'));
    await book.take(counted(0x02005e005304, { source: 'mac:boards', text: '02:00:5e:00:53:04', run: 'r9' }));
    expect(await book.taken({ source: '', number: 0 }, 10)).toMatchObject([
      { number: 1, state: 'used', run: 'r1', verdict: 'PASS' },
      { number: 2, state: 'void', run: 'r2', verdict: 'FAIL' },
      { number: 3, state: 'open', run: 'r3', verdict: null },
      { number: 4, state: 'void', run: null, verdict: null },
      { source: 'mac:boards', state: 'void', run: 'r9', verdict: null },
    ]);
    expect(await book.taken({ source: 'counter:boards', number: 3 }, 1)).toMatchObject([{ number: 4 }]);
    expect(await book.left()).toEqual([{ source: 'counter:boards', first: 5, last: 9 }]);
    // A unit that failed passes after all: its number is used.
    await ran('r4', 'HB000002');
    expect((await book.taken({ source: 'counter:boards', number: 1 }, 1))[0]).toMatchObject({
      state: 'used',
      run: 'r4',
    });
  });
});

describe('a list', () => {
  const row = (serial: string, line: number) => ({ serial, fields: { mac: `m${line}` }, line });

  it('is taken whole or not at all, row after row through all imports', async () => {
    expect(await book.importRows('acme', 'one.csv', [row('A1', 2), row('A2', 3)])).toBeNull();
    expect(await book.importRows('acme', 'two.csv', [row('A3', 2), row('A2', 3)])).toMatchObject({
      serial: 'A2',
      line: 3,
    });
    await ran('r1', 'A9');
    expect(await book.importRows('acme', 'two.csv', [row('A3', 2), row('A9', 7)])).toMatchObject({ line: 7 });
    expect(await book.row('acme', 'A3')).toBeNull();
    expect(await book.importRows('acme', 'two.csv', [row('A3', 2)])).toBeNull();
    expect(await book.importRows('other', 'two.csv', [row('A3', 2)])).toBeNull();
    expect(await book.nextRow('acme', 1)).toEqual({
      place: 1,
      serial: 'A1',
      fields: { mac: 'm2' },
      file: 'one.csv',
      line: 2,
    });
    expect(await book.nextRow('acme', 3)).toMatchObject({ place: 3, serial: 'A3', file: 'two.csv' });
    expect(await book.nextRow('acme', 4)).toBeNull();
    expect(await book.rowsFrom('acme', 2)).toBe(2);
    await book.take(counted(1, { source: 'list:acme', text: 'A1', last: null }));
    expect(await book.left()).toEqual([
      { source: 'list:acme', first: 2, last: 3 },
      { source: 'list:other', first: 1, last: 1 },
    ]);
  });
});
