import { afterAll, beforeAll, expect, test } from 'vitest';
import { realRandom } from '#main/app/real-clock.ts';
import { leaseNumbers } from '#plant/catalog/leases.ts';
import { recover } from '#plant/catalog/recovery.ts';
import type { Database } from '#plant/database/database.ts';
import { openMemoryDatabase } from '#test/support/plant/migrated-database.ts';
import { newSigner } from '#test/support/plant-chain.ts';

const NOW = new Date('2026-11-03T00:00:00Z');
let database: Database;

beforeAll(async () => {
  database = await openMemoryDatabase();
  await database.query(`
    INSERT INTO pools (id, kind, prefix, digits, first, last, block, next, base, places, low, high, created_by, created_at)
      VALUES ('boards', 'serial', 'A', 4, 1, 9999, 50, 1, 'A', 4, 1, 9999, 'x', now()),
        ('few', 'serial', 'B', 2, 1, 60, 50, 1, 'B', 2, 1, 60, 'x', now()),
        ('none', 'serial', 'C', 1, 1, 5, 5, 6, 'C', 1, 1, 5, 'x', now());
    INSERT INTO stations (name, invited_at, invited_by, enrolled_at) VALUES ('one', now(), 'x', now()), ('two', now(), 'x', now());
    INSERT INTO stations (name, invited_at, invited_by) VALUES ('three', now(), 'x');
    INSERT INTO station_sessions VALUES ('d', 'one', now(), now());
    INSERT INTO enrolment_codes VALUES ('d', 'three', now(), NULL);
    INSERT INTO returned_numbers VALUES ('boards', 20, 30);`);
});
afterAll(() => database.close());

test('a plant that may have forgotten leases gives none of those numbers again, and lets nobody in on an old ticket', async () => {
  const skippedBlocks = { who: 'command line', now: NOW, blocks: 3 };
  const done = await recover(database, skippedBlocks);
  // Two stations, three blocks of fifty each; a pool with less is used up.
  expect(done.skipped.toSorted((a, b) => (a.pool < b.pool ? -1 : 1))).toEqual([
    { pool: 'boards', first: 1, last: 300 },
    { pool: 'few', first: 1, last: 60 },
  ]);
  expect([done.sessions, done.codes]).toEqual([1, 1]);
  const signer = await newSigner();
  const leasing = { database, signer, random: realRandom, days: 1 };
  const jws = await leaseNumbers(leasing, { station: 'one', pool: 'boards', key: 'a new key', now: NOW });
  expect(JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString())).toMatchObject({
    first: 301,
    last: 350,
  });
  const log = await database.query("SELECT who, detail FROM audit_log WHERE action = 'plant.recover'");
  expect(log).toEqual([{ who: 'command line', detail: { boards: '1-300', few: '1-60' } }]);
});
