import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '#plant/database/database.ts';
import { openMemoryDatabase } from '#test/support/plant/migrated-database.ts';

const NOW = new Date('2028-02-29T08:00:00Z');
let database: Database;
const begin = (use: string, unit: string) =>
  database.query(
    `INSERT INTO command_uses (use, command, unit, state, product, release, serial, brought, station, request, begun_at, held_until)
     VALUES ($1, 'licence', $2, 'begun', 'p', 'r', 's', 'b', 'L1', 'q', $3, $3)`,
    [use, unit, NOW],
  );
beforeAll(async () => {
  database = await openMemoryDatabase();
  await database.query("INSERT INTO plant_commands (name) VALUES ('licence')");
});
afterAll(() => database.close());

describe('0008-commands', () => {
  it('has one use for a unit, until it failed or was let go', async () => {
    await begin('one', 'unit');
    await expect(begin('two', 'unit')).rejects.toMatchObject({ code: '23505' });
    await database.query("UPDATE command_uses SET state = 'failed', live = false WHERE use = 'one'");
    await begin('two', 'unit');
  });

  it('keeps what a unit was given, though not its bytes, and for whom', async () => {
    await database.query(
      "UPDATE command_uses SET state = 'given', sha256 = 'd', size = 1, data = '\\x01' WHERE use = 'two'",
    );
    for (const change of ["state = 'lost', sha256 = NULL", "sha256 = 'e'", 'size = 2', "data = '\\x02'"])
      await expect(database.query(`UPDATE command_uses SET ${change} WHERE use = 'two'`)).rejects.toMatchObject({
        code: 'P0001',
      });
    await database.query("UPDATE command_uses SET data = NULL, live = false WHERE use = 'two'");
    for (const text of [
      "UPDATE command_uses SET serial = 'x'",
      "UPDATE command_uses SET station = 'x'",
      "UPDATE command_requests SET use = 'one'",
      'DELETE FROM command_uses',
      'DELETE FROM command_requests',
      'DELETE FROM plant_commands',
    ])
      await expect(database.query(text)).rejects.toMatchObject({ code: '42501' });
  });
});
