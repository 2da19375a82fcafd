import { z } from 'zod';
import { FlashlineError } from '#shared/model/failure.ts';
import { audit } from '../audit/audit.ts';
import type { Database, Sql } from '../database/database.ts';
import type { Passwords } from './password.ts';
import type { SignInGuard } from './sign-in-guard.ts';
import { SignedIn, type UserSessions } from './user-sessions.ts';

export interface SignInOptions {
  readonly database: Database;
  readonly passwords: Passwords;
  readonly guard: SignInGuard;
  readonly sessions: UserSessions;
}

export interface SignIn {
  /** Throws `sign-in-refused`, the same and after the same work whether the name or the password is wrong. */
  byPassword(given: Given): Promise<Opened>;
  /** One's own, and with it one's other sessions end. Throws `sign-in-refused` for a wrong old one. */
  changePassword(given: Given & { readonly next: string; readonly token: string | null }): Promise<void>;
}

export interface Given {
  readonly name: string;
  readonly password: string;
  /** The address it came from. */
  readonly remote: string;
  readonly now: Date;
}

export interface Opened {
  readonly person: SignedIn;
  readonly token: string;
}

const Known = SignedIn.extend({ password: z.string().nullable() });
type Known = z.infer<typeof Known>;

export function createSignIn({ database, passwords, guard, sessions }: SignInOptions): SignIn {
  const prove = async ({ name, password, remote, now }: Given): Promise<Known & { outdated: boolean }> => {
    await guard.attempt(name, remote, now);
    const known = await find(database, name);
    const { right, outdated } = await passwords.check(password, known?.password ?? null);
    if (!right || known === null) throw new FlashlineError('sign-in-refused');
    await guard.succeeded(name, remote);
    return { ...known, outdated };
  };
  return {
    async byPassword(given) {
      const { outdated, password: stored, ...person } = await prove(given);
      const rehashed = outdated ? await passwords.hash(given.password) : null;
      const token = await database.transaction(async (sql) => {
        // Only over the hash that was proven: the password may have been changed in the meantime.
        if (rehashed !== null)
          await sql.query('UPDATE users SET password = $2 WHERE name = $1 AND password = $3', [
            person.name,
            rehashed,
            stored,
          ]);
        return openSession(sql, sessions, { name: person.name, how: 'password', now: given.now });
      });
      return { person, token };
    },
    async changePassword(given) {
      const { name } = await prove(given);
      const hash = await passwords.hash(given.next);
      await database.transaction(async (sql) => {
        await sql.query('UPDATE users SET password = $2 WHERE name = $1', [name, hash]);
        await sessions.closeAll(sql, name, given.token);
        await audit(sql, { at: given.now, who: name, action: 'session.password', object: name });
      });
    },
  };
}

/** In one transaction with its entry in the audit log. */
export async function openSession(
  sql: Sql,
  sessions: UserSessions,
  { name, how, now }: { readonly name: string; readonly how: string; readonly now: Date },
): Promise<string> {
  await sql.query('UPDATE users SET last_signed_in_at = $2 WHERE name = $1', [name, now]);
  const token = await sessions.open(sql, name, now);
  await audit(sql, { at: now, who: name, action: 'session.open', object: name, detail: { how } });
  return token;
}

async function find(sql: Sql, name: string): Promise<Known | null> {
  const text = 'SELECT name, roles, products, password FROM users WHERE lower(name) = lower($1) AND active';
  const [row] = await sql.query(text, [name]);
  return row === undefined ? null : Known.parse(row);
}
