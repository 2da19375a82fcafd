import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { array, assert, constantFrom, integer, oneof, property, record } from '#test/support/fast-check.ts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Failure, FlashlineError } from '#shared/model/failure.ts';
import type { UnitRecord } from '#shared/model/unit-record.ts';
import { openLogDatabase } from '#main/log/log-database.ts';
import { openSafely, type OpenSafelyOptions } from '#main/log/open-safely.ts';
import { SqliteUnitLog } from '#main/log/sqlite-unit-log.ts';
import { draft, opening, standingClock, temporaryFolder, Village } from './fixtures.ts';

const RECORDS = 100;
const PAGE = 4096;
/** Where a record stays open, so that every log has a run to close. */
const OPEN_RUN = 'left-open';

/** Where there is one, a disk in memory: thousands of commits are waited for here, and what is tried is not the disk. */
const inMemory = () => temporaryFolder(existsSync('/dev/shm') ? '/dev/shm' : tmpdir());

let base: ReturnType<typeof temporaryFolder>;
let original: readonly UnitRecord[] = [];

/** Two states of one log: all in the file, and the newest part still in the write-ahead log. */
beforeAll(async () => {
  base = inMemory();
  const file = join(base.path, 'station.db');
  const { log, database } = openAt(file, new Village(1));
  const put = async (from: number, to: number) => {
    for (let i = from; i <= to; i++) {
      await log.begin(opening(`r${i}`));
      await log.journal(`r${i}`, [{ kind: 'change', operation: 'erase', at: '2026-03-01T08:00:00.000Z' }]);
      // Some reach over several pages.
      const locks = i % 30 === 0 ? { LONG: 'x'.repeat(9000) } : { LOCK: String(i) };
      await log.finish(draft(`r${i}`, { serial: `HB${i}`, locks }));
    }
  };
  await put(1, 50);
  database.sqlite.pragma('wal_checkpoint(TRUNCATE)');
  await put(51, RECORDS);
  await log.begin(opening(OPEN_RUN));
  for (const suffix of ['', '-wal']) copyFileSync(file + suffix, join(base.path, `half.db${suffix}`));
  original = (await log.records({})).toReversed();
  await log.close();
  copyFileSync(file, join(base.path, 'whole.db'));
});
afterAll(() => base.remove());

let folder: ReturnType<typeof temporaryFolder>;
let file: string;
beforeEach(() => renew());
afterEach(() => folder.remove());
function renew() {
  folder = inMemory();
  file = join(folder.path, 'station.db');
}

function openAt(path: string, processes = dead()) {
  const database = openLogDatabase({ file: path, clock: standingClock(), warn: () => undefined });
  return { log: new SqliteUnitLog(database, { clock: standingClock(), processes }), database };
}

function dead() {
  const village = new Village(2);
  village.dead.add(1);
  return village;
}

function take(state: 'whole' | 'half') {
  copyFileSync(join(base.path, `${state}.db`), file);
  if (state === 'half') copyFileSync(join(base.path, 'half.db-wal'), `${file}-wal`);
}

/** As the log's thread opens it. */
function openAgain() {
  const warnings: Failure[] = [];
  const presence = openSafely({
    file,
    backups: join(folder.path, 'backups'),
    clock: standingClock(),
    warn: (failure) => warnings.push(failure),
  });
  const { log, database } = openAt(file);
  const close = async () => {
    await log.close();
    presence.close();
  };
  const count = (table: string) => Number(database.sqlite.prepare(`SELECT count(*) FROM ${table}`).pluck().get());
  return { log, database, warnings, close, count };
}

/** What must hold whatever happened to the file. */
async function expectSound(mayEnd = false): Promise<{ present: UnitRecord[]; warnings: Failure[] }> {
  const bytes = ['', '-wal'].map((suffix) =>
    existsSync(file + suffix) ? readFileSync(file + suffix) : Buffer.alloc(0),
  );
  const opened = openAgain();
  const { log, database, warnings } = opened;
  const present = (await log.records({})).toReversed();
  const hashes = new Set(present.map(({ hash }) => hash));
  const missing = original.filter(({ hash }) => !hashes.has(hash));
  // Whatever still stands in the file in one piece is in the log.
  const readable = missing.filter(({ run, hash }) =>
    bytes.some((each) => each.includes(bodies.get(run) ?? `"hash":"${hash}"-`)),
  );
  expect(readable.map(({ sequence }) => sequence)).toEqual([]);
  expect(missing.length > 0 && warnings.length === 0 && !mayEnd).toBe(false);
  await log.begin(opening('after'));
  const after = await log.finish(draft('after'));
  expect(after.sequence).toBeGreaterThan(present.at(-1)?.sequence ?? 0);
  expect((await log.verify()).fault).toBeNull();
  expect(database.sqlite.pragma('integrity_check', { simple: true })).toBe('ok');
  await opened.close();
  const again = openAgain();
  expect(again.warnings).toEqual([]);
  await again.close();
  return { present, warnings };
}

/** Short records in their canonical form, by run. */
const bodies = new Map<string, Buffer>();
beforeAll(() => {
  const database = new Sqlite(join(base.path, 'whole.db'), { readonly: true });
  for (const row of database.prepare('SELECT run, body FROM records').all() as { run: string; body: string }[])
    if (row.body.length < 3000) bodies.set(row.run, Buffer.from(row.body));
  database.close();
});

function damage(path: string, change: (bytes: Buffer) => void) {
  const bytes = readFileSync(path);
  change(bytes);
  writeFileSync(path, bytes);
}

const fraction = integer({ min: 0, max: 999_999 });
const injury = oneof(
  record({
    kind: constantFrom('flip', 'zero-page', 'noise-page', 'truncate', 'zero-tail'),
    at: fraction,
    with: integer({ min: 1, max: 255 }),
  }),
  // Headers of file, pages and frames deserve more than their share.
  record({ kind: constantFrom('flip-header', 'flip-page-header'), at: fraction, with: integer({ min: 1, max: 255 }) }),
);

function injure(path: string, { kind, at, with: value }: { kind: string; at: number; with: number }) {
  const { length } = readFileSync(path);
  if (length === 0) return;
  const place = Math.floor((at / 1_000_000) * length);
  const page = place - (place % PAGE);
  if (kind === 'truncate') return truncateSync(path, place);
  damage(path, (bytes) => {
    if (kind === 'flip') bytes[place] = (bytes[place] ?? 0) ^ value;
    else if (kind === 'flip-header') bytes[at % 100] = (bytes[at % 100] ?? 0) ^ value;
    else if (kind === 'flip-page-header') bytes[page + (at % 12)] = (bytes[page + (at % 12)] ?? 0) ^ value;
    else if (kind === 'zero-page') bytes.fill(0, page, page + PAGE);
    else if (kind === 'noise-page')
      for (let i = page; i < Math.min(page + PAGE, length); i++) bytes[i] = (i * value * 31) & 0xff;
    else bytes.fill(0, place);
  });
}

describe('a damaged log', () => {
  it('is never lost in silence, never keeps the station from opening, and can always be added to', async () => {
    const cases: { state: 'whole' | 'half'; injuries: { file: string; kind: string; at: number; with: number }[] }[] =
      [];
    const arbitrary = record({
      state: constantFrom('whole' as const, 'half' as const),
      injuries: array(record({ file: constantFrom('', '-wal'), injury }), { minLength: 1, maxLength: 3 }),
    });
    assert(
      property(arbitrary, ({ state, injuries }) => {
        cases.push({ state, injuries: injuries.map((each) => ({ file: each.file, ...each.injury })) });
      }),
      { numRuns: 200, seed: Number(process.env['SALVAGE_SEED'] ?? 20261121) },
    );
    for (const [index, { state, injuries }] of cases.entries()) {
      folder.remove();
      renew();
      take(state);
      for (const each of injuries) if (existsSync(file + each.file)) injure(file + each.file, each);
      // A write-ahead log that was cut off is a whole one of a moment before.
      const mayEnd = injuries.some((each) => each.file === '-wal' && /truncate|zero-tail/.test(each.kind));
      try {
        await expectSound(mayEnd);
      } catch (thrown) {
        throw new Error(`case ${index}: ${state} ${JSON.stringify(injuries)}`, { cause: thrown });
      }
    }
  }, 240_000);

  it('stands as it stood when making it anew is ended at any step, and whoever comes next begins from its start', async () => {
    take('half');
    damage(file, (bytes) => bytes.fill(0xa5, 5 * PAGE, 6 * PAGE));
    const read = () => ['', '-wal'].map((suffix) => readFileSync(file + suffix));
    const before = read();
    const backups = join(folder.path, 'backups');
    const mend = (progress: OpenSafelyOptions['progress'] & object) =>
      openSafely({ file, backups, clock: standingClock(), warn: () => undefined, progress }).close();
    const endAfter = (steps: number) => {
      const told: string[] = [];
      const progress = (step: string, done: number, total: number | null) => {
        if (told.push(`${step} ${done}/${total}`) === steps) throw new FlashlineError('aborted');
      };
      expect(() => mend(progress)).toThrow(/^aborted/);
      expect(told).toHaveLength(steps);
      expect(read()).toEqual(before);
      expect(readdirSync(folder.path).filter((name) => /salvag|damaged/.test(name))).toEqual([]);
    };
    const pages = before.reduce(
      (sum, { length }, index) => sum + Math.floor(length / (index === 0 ? PAGE : PAGE + 24)),
      0,
    );
    let all = 0;
    const toItsEnd = (step: string) => {
      all += 1;
      if (step === 'settle') throw new FlashlineError('aborted');
    };
    expect(() => mend(toItsEnd)).toThrow(/^aborted/);
    for (const steps of [1, 2, 250, all - 150, all - 101, all - 50, all - 1, all]) endAfter(steps);
    const told: string[] = [];
    mend((step, done, total) => told.push(`${step} ${done}/${total}`));
    const copied = told.filter((each) => each.startsWith('copy ')).length;
    expect(copied).toBeGreaterThan(2 * RECORDS);
    const records = told.length - copied - pages - 1;
    expect(records).toBeGreaterThan(RECORDS - 20);
    expect(told.slice(copied)).toEqual([
      ...Array.from({ length: pages }, (_, index) => `read ${index + 1}/${pages}`),
      ...Array.from({ length: records }, (_, index) => `place ${index + 1}/${records}`),
      'settle 0/1',
    ]);
    expect(existsSync(join(folder.path, 'station-damaged-2026-03-01.db'))).toBe(true);
  });

  it.each(['place 50', 'settle 0'])(
    'stands as it stood when its process is killed at %s, and the next opening mends it whole',
    async (place) => {
      take('half');
      damage(file, (bytes) => bytes.fill(0xa5, 5 * PAGE, 6 * PAGE));
      const read = () => ['', '-wal'].map((suffix) => readFileSync(file + suffix));
      const before = read();
      const died = spawnSync(process.execPath, [join(import.meta.dirname, 'die-mending.ts'), file, place]);
      expect(died).toMatchObject({ signal: 'SIGKILL' });
      expect(existsSync(`${file}-salvaging`)).toBe(true);
      expect(read()).toEqual(before);
      const { present, warnings } = await expectSound();
      expect(warnings).toMatchObject([{ code: 'log-set-aside' }]);
      expect(present.length).toBeGreaterThan(RECORDS - 20);
      expect(readdirSync(folder.path).filter((name) => name.includes('salvag'))).toEqual([]);
    },
  );

  it('that is whole is left as it is', async () => {
    for (const state of ['whole', 'half'] as const) {
      take(state);
      const { present, warnings } = await expectSound();
      expect(warnings).toEqual([]);
      expect(present).toHaveLength(RECORDS + 1);
      folder.remove();
      renew();
    }
  });
});
