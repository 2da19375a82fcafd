import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { canonicalJson, sealRecord } from '#shared/model/record-chain.ts';
import { MIGRATIONS, migrate } from '#main/log/migrate.ts';
import { LAST_PASS } from '#main/log/last-pass.ts';
import { openLogDatabase } from '#main/log/log-database.ts';
import { SqliteUnitLog } from '#main/log/sqlite-unit-log.ts';
import { draft, opening, standingClock, temporaryFolder, Village } from '../fixtures.ts';

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

it('finds the passes of an older log by the indexes that stay', async () => {
  const file = `${folder.path}/station.db`;
  const old = new Sqlite(file);
  migrate(old, MIGRATIONS.slice(0, 4));
  const record = sealRecord(draft('a', { serial: 'S', uid: 'aa' }), null);
  old.prepare('INSERT INTO runs VALUES (?, ?, ?, NULL)').run('a', canonicalJson(opening('a')), '{}');
  old
    .prepare(`INSERT INTO records VALUES (1, 'a', ?, 'S', 'aa', 'PASS', ?, 0, ?, ?, NULL)`)
    .run(record.product.id, record.finishedAt, record.hash, canonicalJson(record));
  old.exec('UPDATE runs SET record = 1');
  old.close();
  const database = openLogDatabase({ file, clock: standingClock(), warn: () => undefined });
  const log = new SqliteUnitLog(database, { clock: standingClock(), processes: new Village(1) });
  const { product } = record;
  const pass = async (serial: string, uid: string | null) =>
    (await log.lastPass({ product: product.id, serial, uid, simulated: false }))?.run;
  expect([await pass('S', null), await pass('X', 'aa'), await pass('X', 'bb')]).toEqual(['a', 'a', undefined]);
  const steps = database.sqlite.prepare(`EXPLAIN QUERY PLAN ${LAST_PASS}`).all(...Array(14).fill(0));
  const details = steps.map((row) => z.object({ detail: z.string() }).parse(row).detail);
  expect(details.filter((detail) => /^(SEARCH|SCAN) (records|archived_passes)/.test(detail))).toEqual([
    'SEARCH records USING INDEX records_of_serial (serial=?)',
    'SEARCH records USING INDEX records_of_uid (uid=?)',
    'SEARCH archived_passes USING PRIMARY KEY (simulated=? AND product=? AND serial=?)',
    'SEARCH archived_passes USING INDEX archived_passes_of_uid (uid=? AND simulated=?)',
  ]);
  await log.close();
});
