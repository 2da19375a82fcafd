import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { canonicalJson, sealRecord } from '#shared/model/record-chain.ts';
import { isSimulated, type RecordDraft, type UnitRecord } from '#shared/model/unit-record.ts';
import { MIGRATIONS, migrate } from '#main/log/migrate.ts';
import { SqliteOutbox } from '#main/log/sqlite-outbox.ts';
import { SqliteUnitLog } from '#main/log/sqlite-unit-log.ts';
import { openLogDatabase } from '#main/log/log-database.ts';
import { draft, opening, standingClock, temporaryFolder, Village } from '../fixtures.ts';

let folder: ReturnType<typeof temporaryFolder>;
let file: string;
beforeEach(() => {
  folder = temporaryFolder();
  file = `${folder.path}/station.db`;
});
afterEach(() => folder.remove());

/** A file as the first shape's program wrote it. */
function oldLog(drafts: readonly RecordDraft[], tamper = ''): UnitRecord[] {
  const database = new Sqlite(file);
  database.pragma('journal_mode = WAL');
  migrate(database, MIGRATIONS.slice(0, 1));
  const records: UnitRecord[] = [];
  database.exec('BEGIN');
  for (const each of drafts) {
    const record = sealRecord(each, records.at(-1) ?? null);
    const { sequence, run, product, serial, uid, verdict, finishedAt, hash } = record;
    database.prepare('INSERT INTO runs VALUES (?, ?, ?, NULL)').run(run, canonicalJson(opening(run)), '{}');
    database
      .prepare('INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
      .run(
        sequence,
        run,
        product.id,
        serial,
        uid,
        verdict,
        finishedAt,
        Number(isSimulated(record)),
        hash,
        canonicalJson(record),
      );
    if (!isSimulated(record)) database.prepare('INSERT INTO outbox VALUES (?)').run(sequence);
    database.prepare('UPDATE runs SET record = ? WHERE run = ?').run(sequence, run);
    records.push(record);
  }
  database.exec('COMMIT');
  database.exec(tamper);
  database.close();
  return records;
}

function open() {
  const database = openLogDatabase({ file, clock: standingClock(), warn: () => undefined });
  const log = new SqliteUnitLog(database, { clock: standingClock(), processes: new Village(1) });
  return { database, log, outbox: new SqliteOutbox(database) };
}

const at = (day: number): string => new Date(Date.UTC(2026, 0, 1 + day)).toISOString();
const failure = { code: 'verify-mismatch', blame: 'unit', where: {}, params: {} } as const;

it('finds old records by all that new ones are found by, and counts their units', async () => {
  const many = Array.from({ length: 2100 }, (_, index) =>
    draft(`r${index}`, { serial: `S${index}`, finishedAt: at(2) }),
  );
  const [first, second] = oldLog([
    draft('a', { serial: 'A', verdict: 'FAIL', failure, finishedAt: at(0), signingKeys: ['key 1'] }),
    draft('b', { serial: 'A', finishedAt: at(1), probe: 'gdb:unix:/x' }),
    draft('c', { serial: 'C', finishedAt: at(1), probe: 'bench:nrf52840' }),
    ...many,
  ]);
  const { log, outbox } = open();
  expect(await log.verify()).toEqual({ records: 2103, fault: null });
  expect(await log.records({ facet: { kind: 'key', value: 'key 1' } })).toEqual([first]);
  expect(await log.records({ product: 'hello', from: at(1), to: at(2), serial: 'A' })).toEqual([second]);
  expect(await log.records({ facet: { kind: 'image', value: 'b'.repeat(64) }, limit: 3000 })).toHaveLength(2103);
  expect(await log.shiftYield({ from: at(0), to: at(1), simulated: false })).toEqual({
    attempted: 1,
    passedFirst: 0,
    passedLater: 1,
    runs: [{ verdict: 'FAIL', code: 'verify-mismatch', count: 1 }],
  });
  expect(await log.shiftYield({ from: at(1), to: at(2), simulated: true })).toMatchObject({
    attempted: 1,
    passedFirst: 1,
  });
  expect(await outbox.pending()).toEqual({ records: 2102, oldestAt: at(0) });
  await log.begin(opening('new'));
  expect((await log.finish(draft('new'))).sequence).toBe(2104);
  expect((await log.verify()).fault).toBeNull();
  await log.close();
  expect(() => new Sqlite(file).exec("UPDATE records SET code = 'x'")).toThrow('never changed');
});

it('leaves a record that cannot be read where it is, for the check to name', async () => {
  oldLog(
    [draft('a'), draft('b')],
    "DROP TRIGGER records_unchanged; UPDATE records SET body = 'x' WHERE sequence = 2;\
    CREATE TRIGGER records_unchanged BEFORE UPDATE ON records BEGIN SELECT RAISE (ABORT, 'never changed'); END;",
  );
  const { log } = open();
  expect(await log.verify()).toEqual({ records: 1, fault: expect.stringContaining('record 2: not JSON') });
  await log.close();
});
