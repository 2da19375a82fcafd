import { z } from 'zod';
import type { RandomBytes } from '#shared/base/clock.ts';
import { ChallengeAnswer, STATEMENTS } from '#shared/contract/plant/station-api.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Database, Sql } from '../database/database.ts';
import type { Keyring } from '../keyring/keyring.ts';
import { isToken, makeToken, secretDigest } from './secret.ts';

/** From challenge to answer. */
export const CHALLENGE_MS = 60_000;
export const STATION_SESSION_MS = 12 * 3_600_000;

type Answer = z.infer<typeof ChallengeAnswer>;

/** A challenge is the plant's own signed statement, so that asking for one leaves nothing behind in the plant. */
const CHALLENGE_TYP = 'flashline-challenge-offer+jwt';
const Offer = z.object({ station: z.string(), nonce: z.string(), until: z.number() });

export interface StationSessions {
  /** For any name: who is enrolled is not told to who only asks. */
  challenge(station: string, now: Date): Promise<string>;
  /** Throws `signed-out` for an answer that proves nothing, `station-revoked` for one by a station that was shut out. */
  open(answer: string, now: Date): Promise<{ token: string; expiresInMs: number }>;
  /** The station's name; null for whatever is no session that goes on. */
  find(token: string, now: Date): Promise<string | null>;
}

const Named = z.object({ station: z.string() });
const Enrolled = z.object({ public_key: z.string().nullable(), revoked_at: z.date().nullable() });

export function createStationSessions(database: Database, keyring: Keyring, random: RandomBytes): StationSessions {
  return {
    challenge(station, now) {
      const nonce = makeToken(random);
      return keyring.signer.sign({ station, nonce, until: now.getTime() + CHALLENGE_MS }, CHALLENGE_TYP);
    },
    async open(answer, now) {
      const { station, challenge } = await provenAnswer(database, keyring, answer, now);
      const token = makeToken(random);
      await database.transaction((sql) => store(sql, { station, challenge, token, now }));
      return { token, expiresInMs: STATION_SESSION_MS };
    },
    async find(token, now) {
      if (!isToken(token)) return null;
      const text = 'SELECT station FROM station_sessions WHERE digest = $1 AND until > $2';
      const [row] = await database.query(text, [secretDigest(token), now], 'station-session');
      return row === undefined ? null : Named.parse(row).station;
    },
  };
}

async function provenAnswer(sql: Sql, keyring: Keyring, answer: string, now: Date): Promise<Answer> {
  const claimed = ChallengeAnswer.safeParse(payloadOf(answer)).data;
  if (claimed === undefined) throw notProven('the answer is no signed statement');
  const offer = Offer.safeParse(await keyring.verify(claimed.challenge, CHALLENGE_TYP)).data;
  if (offer === undefined || offer.station !== claimed.station) throw notProven('no challenge of this plant for it');
  if (offer.until <= now.getTime()) throw notProven('the challenge is too old');
  const [row] = await sql.query('SELECT public_key, revoked_at FROM stations WHERE name = $1', [claimed.station]);
  const known = row === undefined ? null : Enrolled.parse(row);
  if (known === null || known.public_key === null) throw notProven('no such station is enrolled');
  const key = { kty: 'OKP', crv: 'Ed25519', x: known.public_key } as const;
  if ((await keyring.verify(answer, STATEMENTS.challenge, key)) === null)
    throw notProven('another key signed it than the one that was enrolled');
  // Told to the station itself only, so after its proof.
  if (known.revoked_at !== null) throw new FlashlineError('station-revoked', { params: { station: claimed.station } });
  return claimed;
}

async function store(
  sql: Sql,
  { station, challenge, token, now }: Answer & { readonly token: string; readonly now: Date },
): Promise<void> {
  await sql.query('DELETE FROM answered_challenges WHERE until <= $1', [now]);
  const fresh = await sql.query(
    'INSERT INTO answered_challenges (digest, until) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING digest',
    [secretDigest(challenge), new Date(now.getTime() + CHALLENGE_MS)],
  );
  if (fresh.length === 0) throw notProven('the challenge was answered already');
  await sql.query('DELETE FROM station_sessions WHERE until <= $1', [now]);
  // It may have been revoked in the meantime.
  const opened = await sql.query(
    `INSERT INTO station_sessions (digest, station, created_at, until)
     SELECT $1, name, $3, $4 FROM stations WHERE name = $2 AND revoked_at IS NULL FOR SHARE
     RETURNING station`,
    [secretDigest(token), station, now, new Date(now.getTime() + STATION_SESSION_MS)],
  );
  if (opened.length === 0) throw new FlashlineError('station-revoked', { params: { station } });
}

/** What a JWS says, unproven: only to know by which key to prove it. */
function payloadOf(jws: string): unknown {
  try {
    return JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString('utf8'));
  } catch {
    return null;
  }
}

function notProven(cause: string): FlashlineError {
  return new FlashlineError('signed-out', { cause });
}
