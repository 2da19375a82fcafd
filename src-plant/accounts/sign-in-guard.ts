import { isIPv6 } from 'node:net';
import { z } from 'zod';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Database, Sql } from '../database/database.ts';

/**
 * How often one may fail before waiting begins. From one address under one name soon; under one name from everywhere, or
 * from one address under many names, later: nobody shuts a colleague out by guessing for him.
 */
const FREE = { pair: 5, remote: 30, name: 100 } as const;
const LONGEST_S = 900;
/** Who did not fail for so long begins anew. */
const FORGOTTEN_MS = 3_600_000;

export interface SignInGuard {
  /**
   * Counts an attempt as failed before it is looked at, so that attempts at once are no way around. Throws
   * `too-many-requests` while one has to wait.
   */
  attempt(name: string, remote: string, now: Date): Promise<void>;
  /** It was right: what failed under this name is forgotten, and this attempt was none. */
  succeeded(name: string, remote: string): Promise<void>;
}

const Failed = z.array(z.object({ failures: z.number() }));
const Blocked = z.array(z.object({ blocked_until: z.date() }));

export function createSignInGuard(database: Database): SignInGuard {
  return {
    async attempt(name, remote, now) {
      for (const { subject, free } of subjectsOf(name, remote)) await count(database, subject, free, now);
    },
    async succeeded(name, remote) {
      const [pair, from, who] = subjectsOf(name, remote);
      await database.query('DELETE FROM sign_in_failures WHERE subject = ANY($1::text[])', [
        [pair.subject, who.subject],
      ]);
      await database.query(
        'UPDATE sign_in_failures SET failures = greatest(failures - 1, 0), blocked_until = last_at WHERE subject = $1',
        [from.subject],
      );
    },
  };
}

async function count(sql: Sql, subject: string, free: number, now: Date): Promise<void> {
  const forgotten = new Date(now.getTime() - FORGOTTEN_MS);
  const counted = Failed.parse(
    await sql.query(
      `INSERT INTO sign_in_failures AS f (subject, failures, last_at, blocked_until) VALUES ($1, 1, $2, $2)
       ON CONFLICT (subject) DO UPDATE
         SET failures = CASE WHEN f.last_at < $3 THEN 1 ELSE f.failures + 1 END, last_at = $2
         WHERE f.blocked_until <= $2
       RETURNING failures`,
      [subject, now, forgotten],
    ),
  );
  const failures = counted[0]?.failures;
  if (failures === undefined) throw await waiting(sql, subject, now);
  if (failures <= free) return;
  const seconds = Math.min(2 ** Math.min(failures - free, 20), LONGEST_S);
  const until = new Date(now.getTime() + seconds * 1000);
  await sql.query('UPDATE sign_in_failures SET blocked_until = $2 WHERE subject = $1', [subject, until]);
}

async function waiting(sql: Sql, subject: string, now: Date): Promise<FlashlineError> {
  const [row] = Blocked.parse(
    await sql.query('SELECT blocked_until FROM sign_in_failures WHERE subject = $1', [subject]),
  );
  const seconds = Math.max(1, Math.ceil(((row?.blocked_until.getTime() ?? 0) - now.getTime()) / 1000));
  return new FlashlineError('too-many-requests', { params: { seconds } });
}

interface Subject {
  readonly subject: string;
  readonly free: number;
}

function subjectsOf(name: string, remote: string): readonly [pair: Subject, remote: Subject, name: Subject] {
  const [who, from] = [name.toLowerCase(), networkOf(remote)];
  return [
    { subject: `pair:${from} ${who}`, free: FREE.pair },
    { subject: `remote:${from}`, free: FREE.remote },
    { subject: `name:${who}`, free: FREE.name },
  ];
}

/** Whoever has one IPv6 address has the whole /64. */
export function networkOf(remote: string): string {
  if (!isIPv6(remote) || remote.startsWith('::ffff:')) return remote;
  const [head = '', tail = ''] = remote.split('::');
  const left = head.split(':').filter((group) => group !== '');
  const right = remote.includes('::') ? tail.split(':').filter((group) => group !== '') : [];
  const zeros: string[] = Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0');
  return `${[...left, ...zeros, ...right].slice(0, 4).join(':')}::/64`;
}
