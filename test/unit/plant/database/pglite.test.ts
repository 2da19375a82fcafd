import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Database } from '#plant/database/database.ts';
import { migrate, requireSchema } from '#plant/database/migrate.ts';
import { MIGRATIONS } from '#plant/database/migrations/index.ts';
import { openDatabase } from '#plant/database/open-database.ts';
import { realClock } from '#main/app/real-clock.ts';

const clock = realClock;

describe('PGlite', () => {
  const folder = mkdtempSync(join(tmpdir(), 'flashline-pglite-'));
  let database: Database;
  beforeAll(async () => {
    database = await openDatabase({ folder }, { clock });
  });
  afterAll(async () => {
    await database.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test('gives what PostgreSQL gives: numbers, instants, lists', async () => {
    const text =
      'SELECT 9007199254740991::bigint AS n, ARRAY[1, 2]::bigint[] AS list, $1::timestamptz AS at, $2::text[] AS words';
    const words = ['a"b\\', '{x,y}', 'NULL', ''];
    const at = new Date('2028-02-29T23:59:59.999Z');
    expect(await database.query(text, [at, words])).toEqual([{ n: 9_007_199_254_740_991, list: [1, 2], at, words }]);
  });

  test('a folder belongs to one process, and to the next one after it', async () => {
    await expect(openDatabase({ folder }, { clock })).rejects.toMatchObject({ failure: { code: 'state-conflict' } });
    await database.close();
    database = await openDatabase({ folder }, { clock });
    expect(await database.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('transactions follow each other, and one that throws leaves nothing', async () => {
    const steps: string[] = [];
    const step = (name: string) =>
      database.transaction(async (sql) => {
        steps.push(`${name} begins`);
        await sql.query('SELECT 1');
        steps.push(`${name} ends`);
      });
    await Promise.all([step('one'), step('two')]);
    expect(steps).toEqual(['one begins', 'one ends', 'two begins', 'two ends']);
    const failing = database.transaction(async (sql) => {
      await sql.query("INSERT INTO marks (mark, serial, product) VALUES ('uid:1', 'S', 'P')");
      throw new TypeError('ours');
    });
    await expect(failing).rejects.toBeInstanceOf(TypeError);
    expect(await database.query('SELECT 1 FROM marks')).toEqual([]);
    const swallowed = database.transaction((sql) => sql.query('SELECT 1 / 0').catch(() => []));
    await expect(swallowed).rejects.toMatchObject({ code: '25P02' });
  });

  test('says which constraint a statement broke', async () => {
    const insert = "INSERT INTO marks (mark, serial, product) VALUES ('uid:2', 'S', 'P')";
    await database.query(insert);
    await expect(database.query(insert)).rejects.toMatchObject({ code: '23505', constraint: 'marks_pkey' });
  });

  test('is migrated once, and refused when it is newer, or other', async () => {
    await migrate(database);
    await requireSchema(database);
    const refused = { failure: { code: 'plant-schema' } };
    await expect(requireSchema(database, MIGRATIONS.slice(0, -1))).rejects.toMatchObject(refused);
    await expect(requireSchema(database, [...MIGRATIONS, { version: 99, sql: '' }])).rejects.toMatchObject(refused);
    const [first, second, ...rest] = MIGRATIONS;
    const changed = [first, second && { version: second.version, sql: `${second.sql}--` }, ...rest].filter(
      (each) => each !== undefined,
    );
    await expect(migrate(database, changed)).rejects.toMatchObject(refused);
  });
});
