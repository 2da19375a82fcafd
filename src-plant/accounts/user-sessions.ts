import { z } from 'zod';
import type { RandomBytes } from '#shared/base/clock.ts';
import { PlantRole } from '#shared/contract/plant/endpoint.ts';
import type { Database, Sql } from '../database/database.ts';
import { isToken, makeToken, secretDigest } from './secret.ts';

export const IDLE_MS = 30 * 60_000;
export const LONGEST_MS = 12 * 3_600_000;
/** A session's use is noted this often, not with every call. */
const NOTED_MS = 60_000;

/** Who a session belongs to, as of now: roles are looked up, never remembered. */
export const SignedIn = z.object({ name: z.string(), roles: z.array(PlantRole), products: z.array(z.string()) });
export type SignedIn = z.infer<typeof SignedIn>;

const Found = SignedIn.extend({ used_at: z.date() });

export interface UserSessions {
  /** In the transaction that signs somebody in. */
  open(sql: Sql, name: string, now: Date): Promise<string>;
  /** Null for whatever is no session that goes on. */
  find(token: string, now: Date): Promise<SignedIn | null>;
  close(sql: Sql, token: string): Promise<void>;
  /** All of a person's, but the one of `except`. */
  closeAll(sql: Sql, name: string, except?: string | null): Promise<void>;
}

export function createUserSessions(database: Database, random: RandomBytes): UserSessions {
  return {
    async open(sql, name, now) {
      const token = makeToken(random);
      await sql.query('DELETE FROM user_sessions WHERE until <= $1 OR used_at <= $2', [now, idleSince(now)]);
      await sql.query(
        'INSERT INTO user_sessions (digest, name, created_at, used_at, until) VALUES ($1, $2, $3, $3, $4)',
        [secretDigest(token), name, now, new Date(now.getTime() + LONGEST_MS)],
      );
      return token;
    },
    async find(token, now) {
      if (!isToken(token)) return null;
      const digest = secretDigest(token);
      const [row] = await database.query(FIND, [digest, now, idleSince(now)], 'user-session');
      if (row === undefined) return null;
      const { used_at, ...signedIn } = Found.parse(row);
      if (now.getTime() - used_at.getTime() > NOTED_MS)
        await database.query('UPDATE user_sessions SET used_at = $2 WHERE digest = $1', [digest, now]);
      return signedIn;
    },
    async close(sql, token) {
      await sql.query('DELETE FROM user_sessions WHERE digest = $1', [secretDigest(token)]);
    },
    async closeAll(sql, name, except = null) {
      const kept = except === null ? '' : secretDigest(except);
      await sql.query('DELETE FROM user_sessions WHERE name = $1 AND digest <> $2', [name, kept]);
    },
  };
}

const FIND = `
  SELECT u.name, u.roles, u.products, s.used_at
  FROM user_sessions s JOIN users u ON u.name = s.name
  WHERE s.digest = $1 AND s.until > $2 AND s.used_at > $3 AND u.active`;

function idleSince(now: Date): Date {
  return new Date(now.getTime() - IDLE_MS);
}
