import { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { APP_ROLE } from '#plant/database/migration.ts';
import { accounts } from '#plant/database/migrations/0002-accounts.ts';

const NOW = '2026-03-01T08:00:00Z';
let db: PGlite;

beforeAll(async () => {
  db = new PGlite();
  await db.exec(`CREATE ROLE ${APP_ROLE};${accounts.sql}`);
});
afterAll(() => db.close());

const user = (name: string, rest = '') =>
  db.query(
    `INSERT INTO users (name, roles, products, created_at, badge, oidc_issuer, oidc_subject) VALUES ($1, '{operator}', '{}', $2 ${rest || ', NULL, NULL, NULL'})`,
    [name, NOW],
  );

describe('0002-accounts', () => {
  it('knows nobody under two names that differ by a capital letter, and no badge or subject twice', async () => {
    await user('Ada', ", 'b1', 'https://id.example', 's1'");
    await expect(user('ada')).rejects.toMatchObject({ code: '23505' });
    await expect(user('Eve', ", 'b1', NULL, NULL")).rejects.toMatchObject({ code: '23505' });
    await expect(user('Eve', ", NULL, 'https://id.example', 's1'")).rejects.toMatchObject({ code: '23505' });
    await user('Eve', ", NULL, 'https://other.example', 's1'");
    await user('Bob');
  });

  it('only adds to the audit log, in whichever partition', async () => {
    await db.exec(`
      CREATE TABLE audit_log_2026_03 PARTITION OF audit_log FOR VALUES FROM ('2026-03-01') TO ('2026-04-01');
      INSERT INTO audit_log (at, who, action, object, detail) VALUES
        ('2026-03-02', 'ada', 'a', 'o', '{}'), ('2026-05-02', 'ada', 'a', 'o', '{}')`);
    for (const change of ["UPDATE audit_log SET who = 'eve'", 'DELETE FROM audit_log', 'TRUNCATE audit_log'])
      await expect(db.exec(change)).rejects.toMatchObject({ code: '42501' });
    const { rows } = await db.query('SELECT who FROM audit_log');
    expect(rows).toEqual([{ who: 'ada' }, { who: 'ada' }]);
  });

  it('holds codes and sessions to stations and people that exist', async () => {
    await expect(
      db.query("INSERT INTO enrolment_codes (digest, station, until) VALUES ('d', 'nobody', $1)", [NOW]),
    ).rejects.toMatchObject({ code: '23503' });
    await expect(
      db.query("INSERT INTO user_sessions (digest, name, created_at, used_at, until) VALUES ('d', 'no', $1, $1, $1)", [
        NOW,
      ]),
    ).rejects.toMatchObject({ code: '23503' });
  });

  it('lets the server take nobody away, and nothing out of the audit log', async () => {
    await db.exec(`SET ROLE ${APP_ROLE}`);
    try {
      for (const table of ['users', 'stations', 'enrolment_codes', 'audit_log'])
        await expect(db.exec(`DELETE FROM ${table}`)).rejects.toMatchObject({ code: '42501' });
      await expect(db.exec('DROP TABLE user_sessions')).rejects.toMatchObject({ code: '42501' });
      await db.exec('DELETE FROM user_sessions');
    } finally {
      await db.exec('RESET ROLE');
    }
  });
});
