import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '#plant/database/database.ts';
import { openMemoryDatabase } from '#test/support/plant/migrated-database.ts';

const NOW = new Date('2028-02-29T08:00:00Z');
let database: Database;
beforeAll(async () => {
  database = await openMemoryDatabase();
  await database.query(`INSERT INTO pools VALUES ('p', 'serial', NULL, 'A', 3, 0, 9, 5, 0, 'A', 3, 0, 9, 'ada', $1)`, [
    NOW,
  ]);
});
afterAll(() => database.close());

const release = (state: string, approvedBy: string | null) =>
  database.query(
    `INSERT INTO releases (digest, product, revision, version, process, state, size, sha256, images, uploaded_by, uploaded_at, approved_by)
     VALUES (gen_random_uuid()::text, 'p', 'A', '1', 'flash', $1, 1, 's', '[]', 'ada', $2, $3)`,
    [state, NOW, approvedBy],
  );

describe('0003-catalog', () => {
  it('has no release approved by who uploaded it, or published without approval, whatever a server thinks', async () => {
    await release('approved', 'eve');
    await expect(release('approved', 'ada')).rejects.toMatchObject({ code: '23514', constraint: 'second_person' });
    await expect(release('published', null)).rejects.toMatchObject({
      code: '23514',
      constraint: 'approved_before_published',
    });
    await expect(release('burnt', null)).rejects.toMatchObject({ code: '23514' });
  });

  it('has no pool beyond its end, and no two first rests of one', async () => {
    await expect(database.query("UPDATE pools SET next = 11 WHERE id = 'p'")).rejects.toMatchObject({ code: '23514' });
    const rest = "INSERT INTO returned_numbers VALUES ('p', 3, 4)";
    await database.query(rest);
    await expect(database.query(rest)).rejects.toMatchObject({ code: '23505' });
  });

  it('has one number for documents', async () => {
    await expect(database.query('INSERT INTO document_serial (serial) VALUES (1)')).rejects.toMatchObject({
      code: '42501',
    });
    expect(await database.query('SELECT serial FROM document_serial')).toHaveLength(1);
  });

  it('lets the server take nothing away that people or stations rely on', async () => {
    const tables = ['releases', 'packages', 'orders', 'pools', 'leases', 'buyer_links', 'findings', 'document_serial'];
    for (const table of tables)
      await expect(database.query(`DELETE FROM ${table}`)).rejects.toMatchObject({ code: '42501' });
    await expect(database.query("UPDATE packages SET bytes = ''")).rejects.toMatchObject({ code: '42501' });
    await expect(database.query("UPDATE findings SET kind = 'x'")).rejects.toMatchObject({ code: '42501' });
    await database.query("UPDATE findings SET settled_by = 'eve', note = 'seen'");
  });
});
