import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '#plant/database/database.ts';
import { openMemoryDatabase } from '#test/support/plant/migrated-database.ts';

const NOW = new Date('2028-02-29T08:00:00Z');
let database: Database;
beforeAll(async () => {
  database = await openMemoryDatabase();
  await database.query(
    `INSERT INTO signing_keys (name, kind, use, store, reference, public_key, key_id, enabled, created_by, created_at)
     VALUES ('k', 'ed25519', 'digest', 'hsm', 'ab', '\\x01', 'id', true, 'ada', $1)`,
    [NOW],
  );
  await database.query(
    `INSERT INTO signatures (station, request, key, algorithm, digest, product, release, serial, asked_at)
     VALUES ('L1', 'r', 'k', 'a', 'd', 'p', 'r', 's', $1)`,
    [NOW],
  );
});
afterAll(() => database.close());

describe('0005-signing', () => {
  it('keeps a signature once it was made, and what it was made for', async () => {
    await database.query("UPDATE signatures SET signature = '\\x01', signed_at = now()");
    await expect(database.query("UPDATE signatures SET signature = '\\x02'")).rejects.toMatchObject({ code: 'P0001' });
    await expect(database.query('UPDATE signatures SET signed_at = NULL, signature = NULL')).rejects.toMatchObject({
      code: 'P0001',
    });
    for (const text of ["UPDATE signatures SET serial = 'x'", 'DELETE FROM signatures', 'DELETE FROM signing_keys'])
      await expect(database.query(text)).rejects.toMatchObject({ code: '42501' });
  });

  it('has no key that becomes another one, and no second name of one', async () => {
    for (const column of ['public_key', 'reference', 'key_id', 'use'])
      await expect(database.query(`UPDATE signing_keys SET ${column} = ${column}`)).rejects.toMatchObject({
        code: '42501',
      });
    const again = `INSERT INTO signing_keys (name, kind, use, store, reference, public_key, key_id, enabled, created_by, created_at)
      SELECT 'again', kind, use, store, reference, public_key, key_id, enabled, created_by, created_at FROM signing_keys`;
    await expect(database.query(again)).rejects.toMatchObject({ code: '23505' });
  });
});
