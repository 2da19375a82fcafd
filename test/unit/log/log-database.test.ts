import { statSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { z } from 'zod';
import type { Failure } from '#shared/model/failure.ts';
import { type LogDatabase, openLogDatabase } from '#main/log/log-database.ts';
import { temporaryFolder } from './fixtures.ts';

let folder: ReturnType<typeof temporaryFolder>;
let database: LogDatabase;
let warnings: Failure[];
let time: number;
beforeEach(() => {
  folder = temporaryFolder();
  warnings = [];
  time = 0;
  const clock = { now: () => 0, monotonic: () => time, sleep: () => Promise.resolve() };
  database = openLogDatabase({ file: `${folder.path}/x.db`, clock, warn: (failure) => warnings.push(failure) });
  database.run('CREATE TABLE t (n INTEGER PRIMARY KEY)');
});
afterEach(() => {
  database.close();
  folder.remove();
});

const N = z.object({ n: z.number() });
const Checkpoint = z.tuple([z.object({ log: z.number() })]);
const all = () => database.all(N, 'SELECT n FROM t ORDER BY n').map(({ n }) => n);

it('tells of a statement that took 100 ms, and of no faster one', () => {
  database.sqlite.function('wait', (ms: number) => {
    time += ms;
    return 1;
  });
  const waiting = (ms: number) => database.first(z.unknown(), 'SELECT   wait(?)\n AS n', ms);
  waiting(99);
  expect(warnings).toEqual([]);
  waiting(100);
  expect(warnings).toMatchObject([
    { code: 'log-slow', params: { ms: '100', file: database.file }, cause: 'SELECT wait(?) AS n' },
  ]);
});

it('prepares a statement once', () => {
  const prepare = vi.spyOn(database.sqlite, 'prepare');
  for (let n = 1; n <= 20; n++) database.transaction(() => database.run('INSERT INTO t VALUES (?)', n));
  expect(prepare.mock.calls.map(([sql]) => sql)).toEqual(['BEGIN IMMEDIATE', 'INSERT INTO t VALUES (?)', 'COMMIT']);
  prepare.mockRestore();
});

it('writes all of a transaction or nothing, also from inside another one', () => {
  const put = (n: number) => database.run('INSERT INTO t VALUES (?)', n);
  database.transaction(() => {
    put(1);
    database.transaction(() => put(2));
  });
  expect(() =>
    database.transaction(() => {
      put(3);
      database.transaction(() => put(1));
    }),
  ).toThrow('UNIQUE');
  expect(all()).toEqual([1, 2]);
  database.transaction(() => put(4));
  expect(all()).toEqual([1, 2, 4]);
});

it('reads no row that nobody asks for', () => {
  for (let n = 1; n <= 5; n++) database.run('INSERT INTO t VALUES (?)', n);
  const seen: number[] = [];
  database.each(N, ({ n }) => seen.push(n) < 2, 'SELECT n FROM t ORDER BY n');
  expect(seen).toEqual([1, 2]);
  // The file is free again.
  expect(all()).toHaveLength(5);
});

it('has rows that are not as they should be called damage', () => {
  expect(() => database.first(z.object({ n: z.string() }), 'SELECT 1 AS n')).toThrow('log-damaged');
  const full = vi.spyOn(Sqlite.prototype, 'prepare').mockImplementation(() => {
    throw new Sqlite.SqliteError('database or disk is full', 'SQLITE_FULL');
  });
  expect(() => database.run('INSERT INTO t VALUES (7)')).toThrow(/log-(unwritable|full)/);
  full.mockRestore();
});

it('puts what was written into the file in the next pause, not before', async () => {
  const pauses: { wake: () => void; signal: AbortSignal | undefined }[] = [];
  const file = `${folder.path}/pauses.db`;
  const resting = openLogDatabase({
    file,
    clock: {
      now: () => 0,
      monotonic: () => 0,
      sleep: (_, signal) => new Promise((resolve) => pauses.push({ wake: resolve, signal })),
    },
    warn: (failure) => warnings.push(failure),
    checkpointAfterMs: 50,
  });
  const inFile = () => statSync(file).size;
  resting.run('CREATE TABLE big (text TEXT)');
  const before = inFile();
  resting.transaction(() => {
    for (let i = 0; i < 100; i++) resting.run('INSERT INTO big VALUES (?)', 'x'.repeat(4000));
  });
  expect(pauses.map(({ signal }) => signal?.aborted)).toEqual([true, false]);
  expect(inFile()).toBe(before);
  pauses.at(-1)?.wake();
  await expect.poll(inFile).toBeGreaterThan(before + 100 * 4000);
  // And the write-ahead log has begun anew: there is one page in it.
  const inLog = () => Checkpoint.parse(resting.sqlite.pragma('wal_checkpoint(PASSIVE)'))[0].log;
  expect(inLog()).toBe(1);
  resting.run("INSERT INTO big VALUES ('more')");
  const other = new Sqlite(file, { timeout: 0 });
  other.exec('BEGIN IMMEDIATE');
  pauses.at(-1)?.wake();
  await new Promise((resolve) => setImmediate(resolve));
  other.exec('ROLLBACK');
  other.close();
  expect(resting.sqlite.pragma('busy_timeout', { simple: true })).toBe(10_000);
  resting.close();
  expect(warnings).toEqual([]);
});

it('waits for the disk in every transaction but those for soon, also after one that failed', () => {
  const seen: unknown[] = [];
  const look = () => void seen.push(database.sqlite.pragma('synchronous', { simple: true }));
  const [NORMAL, FULL] = [1, 2];
  database.soon(look);
  database.transaction(look);
  const fails = () => {
    look();
    throw new Error('no');
  };
  expect(() => database.soon(fails)).toThrow('no');
  database.transaction(look);
  expect(seen).toEqual([NORMAL, FULL, NORMAL, FULL]);
});
