import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Database } from '#plant/database/database.ts';
import { openMemoryDatabase } from '#test/support/plant/migrated-database.ts';

const INSERT = `
  INSERT INTO records (serial, finished_at, hash, chain, sequence, product, process, verdict, station, received_at, facets, body)
  VALUES ($1, $2, $1, 1, 1, 'p', 'flash', 'PASS', 's', now(), '{}', '{}')`;

describe('records, as the server may use them', () => {
  let database: Database;
  beforeAll(async () => {
    database = await openMemoryDatabase();
  });
  afterAll(() => database.close());

  const partitionOf = async (serial: string) => {
    const [row] = await database.query('SELECT tableoid::regclass::text AS name FROM records WHERE serial = $1', [
      serial,
    ]);
    return row?.['name'];
  };
  const makeMonth = async (at: Date) => {
    const [row] = await database.query('SELECT make_records_month($1) AS made', [at]);
    return row?.['made'];
  };

  test('a month is made once, at any of its instants, and takes its rows', async () => {
    expect(await makeMonth(new Date('2025-03-31T23:59:59.999Z'))).toBe(true);
    expect(await makeMonth(new Date('2025-03-01T00:00:00Z'))).toBe(true);
    await database.query(INSERT, ['march', '2025-03-31T23:59:59.999Z']);
    await database.query(INSERT, ['april', '2025-04-01T00:00:00.000Z']);
    expect(await partitionOf('march')).toBe('records_2025_03');
    expect(await partitionOf('april')).toBe('records_default');
  });

  test('rows that came before their month move into it unchanged', async () => {
    await database.query(INSERT, ['leap', '2024-02-29T12:00:00.000Z']);
    const [before] = await database.query('SELECT * FROM records WHERE serial = $1', ['leap']);
    expect(await makeMonth(new Date('2024-02-01T00:00:00Z'))).toBe(true);
    expect(await partitionOf('leap')).toBe('records_2024_02');
    expect(await database.query('SELECT * FROM records WHERE serial = $1', ['leap'])).toEqual([before]);
  });

  test.each(['1970-01-01T00:00:00Z', '2019-12-31T23:59:59Z', '9999-12-31T23:59:59Z'])('no month for %s', async (at) => {
    expect(await makeMonth(new Date(at))).toBe(false);
    await database.query(INSERT, [at, at]);
    expect(await partitionOf(at)).toBe('records_default');
  });

  test.each([
    'UPDATE records SET body = body',
    'DELETE FROM records',
    'DELETE FROM records_default',
    'TRUNCATE records',
    'UPDATE links SET hash = hash',
    'DELETE FROM links',
    'UPDATE chain_gaps SET hash = hash',
    'DELETE FROM chain_gaps',
    'DELETE FROM units',
    'DELETE FROM chains',
    'DELETE FROM findings',
    "UPDATE findings SET kind = 'other'",
    'UPDATE marks SET serial = serial',
    'DELETE FROM schema_migrations',
    'CREATE TABLE mine (a int)',
    'ALTER TABLE records ADD COLUMN mine int',
    'DROP TABLE records_default',
  ])('the server may not: %s', async (text) => {
    await expect(database.query(text)).rejects.toMatchObject({ name: 'DatabaseError', code: '42501' });
  });
});
