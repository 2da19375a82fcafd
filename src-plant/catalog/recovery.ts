import { z } from 'zod';
import { audit } from '../audit/audit.ts';
import { CountColumn } from '../database/columns.ts';
import type { Database, Sql } from '../database/database.ts';

export interface Recovery {
  readonly who: string;
  readonly now: Date;
  /** Of each pool, so many blocks for each enrolled station are taken for leased. */
  readonly blocks: number;
}

const Skipped = z.object({ pool: z.string(), first: CountColumn, last: CountColumn });
export interface Recovered {
  /** Numbers that nobody gets any more, because somebody may have them. */
  readonly skipped: z.infer<typeof Skipped>[];
  /** Of people and stations; they sign in again. */
  readonly sessions: number;
  /** Enrolment codes that open nothing any more. */
  readonly codes: number;
}

/**
 * For a database that may have forgotten its last transactions: one that was restored to an earlier moment, or a replica
 * that took over before it had everything. Records come again by themselves, from the stations' logs. What does not: numbers
 * leased in what was forgotten must not be leased twice, and what was shut out or used up in it must not open again.
 */
export async function recover(database: Database, { who, now, blocks }: Recovery): Promise<Recovered> {
  return database.transaction(async (sql) => {
    const skipped = await skipNumbers(sql, blocks);
    await sql.query('DELETE FROM returned_numbers');
    const sessions = (await deleteAll(sql, 'station_sessions')) + (await deleteAll(sql, 'user_sessions'));
    const codes = await sql.query('UPDATE enrolment_codes SET used_at = $1 WHERE used_at IS NULL RETURNING 1', [now]);
    const detail = Object.fromEntries(skipped.map(({ pool, first, last }) => [pool, `${first}-${last}`]));
    await audit(sql, { at: now, who, action: 'plant.recover', object: 'database', detail });
    return { skipped, sessions, codes: codes.length };
  });
}

async function skipNumbers(sql: Sql, blocks: number): Promise<z.infer<typeof Skipped>[]> {
  const text = `
    WITH old AS (SELECT id, next FROM pools FOR UPDATE),
      enrolled AS (SELECT greatest(count(*), 1) AS stations FROM stations WHERE enrolled_at IS NOT NULL)
    UPDATE pools p SET next = least(p.last + 1, p.next + p.block * $1::bigint * enrolled.stations)
    FROM old, enrolled WHERE old.id = p.id AND p.next <= p.last
    RETURNING p.id AS pool, old.next AS first, p.next - 1 AS last`;
  return z.array(Skipped).parse(await sql.query(text, [blocks]));
}

async function deleteAll(sql: Sql, table: 'station_sessions' | 'user_sessions'): Promise<number> {
  return (await sql.query(`DELETE FROM ${table} RETURNING 1`)).length;
}
