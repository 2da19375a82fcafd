import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '#plant/database/database.ts';
import { unitLives } from '#plant/database/migrations/0007-unit-lives.ts';
import { openMemoryDatabase } from '#test/support/plant/migrated-database.ts';

const INSERT = `
  INSERT INTO units (serial, product, process, runs, begun_at, last_at, last_hash, last_verdict, last_station)
  SELECT 'S' || n, 'p', 'flash', 1, timestamptz '2026-01-01' + n * interval '1 minute', timestamptz '2026-02-01' + n * interval '1 minute',
    'h', 'PASS', 's' FROM generate_series(1, 500) n`;
const LIFE = 'SELECT min(begun_at) AS begun, max(last_at) AS last FROM units WHERE serial = $1';

const planOf = async (database: Database) =>
  (await database.query(`EXPLAIN ${LIFE}`, ['S7'])).map((row) => Object.values(row).join(' ')).join('\n');

describe('0007-unit-lives', () => {
  let database: Database;
  beforeAll(async () => {
    database = await openMemoryDatabase();
    await database.query(INSERT);
  });
  afterAll(() => database.close());

  it('says from the key alone when a unit lived, also after it was met again', async () => {
    expect(await planOf(database)).toContain('Index Only Scan using units_pkey');
    await database.query("UPDATE units SET last_at = '2026-03-01T00:00:00Z' WHERE serial = 'S7'");
    expect(await database.query(LIFE, ['S7'])).toEqual([
      { begun: new Date('2026-01-01T00:07:00Z'), last: new Date('2026-03-01T00:00:00Z') },
    ]);
  });

  it('has each unit once a step, whenever it lived', async () => {
    const again = `
      INSERT INTO units SELECT (jsonb_populate_record(u, '{"begun_at": "2020-01-01T00:00:00Z", "last_at": "2029-01-01T00:00:00Z"}')).*
      FROM units u WHERE serial = 'S9'`;
    await expect(database.query(again)).rejects.toMatchObject({ code: '23505', constraint: 'units_pkey' });
  });

  it('takes an index that was made beforehand, while units went on to change', async () => {
    const oidOf = async (name: string) =>
      (await database.query('SELECT to_regclass($1)::oid::bigint AS oid', [name]))[0]?.['oid'];
    await database.query('SET ROLE flashline_owner');
    await database.query(
      'ALTER TABLE units DROP CONSTRAINT units_pkey, ADD CONSTRAINT units_pkey PRIMARY KEY (serial, product, process)',
    );
    expect(await planOf(database)).not.toContain('Index Only Scan');
    await database.query(
      'CREATE UNIQUE INDEX CONCURRENTLY units_key ON units (serial, product, process) INCLUDE (begun_at, last_at)',
    );
    const made = await oidOf('units_key');
    await database.query(unitLives.sql);
    await database.query('RESET ROLE');
    expect([await oidOf('units_pkey'), await oidOf('units_key')]).toEqual([made, null]);
  });
});
