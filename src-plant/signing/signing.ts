import { z } from 'zod';
import { fromHex, toHex } from '#shared/base/bytes.ts';
import type { KeyUse, SignAnswer, SigningKey, SignRequest } from '#shared/contract/plant/signing-api.ts';
import { FlashlineError, toFailure } from '#shared/model/failure.ts';
import { SIGNING_ALGORITHMS, type SigningAlgorithm } from '#shared/model/signing.ts';
import { audit } from '../audit/audit.ts';
import { CountColumn, TimeColumn } from '../database/columns.ts';
import type { Database, Sql } from '../database/database.ts';
import { type KeyStores, storeOf } from './key-stores.ts';
import { lockKey } from './keys.ts';
import { refusal } from './policy.ts';
import type { SigningCounts } from './signing-counts.ts';

export interface SigningParts {
  readonly database: Database;
  readonly stores: KeyStores;
  readonly counts: SigningCounts;
}

export interface StationAct {
  readonly station: string;
  readonly now: Date;
}

/** A place in a policy is held for so long while its signature is made; a server that died in between holds it no longer. */
const HELD_MS = 60_000;
const MINUTE_MS = 60_000;

interface Reserved {
  readonly key: SigningKey;
  /** Made before, for the same request. */
  readonly made: Made | null;
}

/** What is asked of a key, whatever it makes of it; `digest` is of all that makes one request another. */
export interface AskedOfKey extends SignRequest {
  readonly use: KeyUse;
}

/** A signature, and the certificate that it is of. */
export interface Signed {
  readonly signature: Uint8Array;
  readonly certificate: Uint8Array | null;
}
export interface Made extends Signed {
  readonly signedAt: string;
}

/** By the key in its store. */
export function signBy(
  parts: SigningParts,
  key: SigningKey,
  algorithm: SigningAlgorithm,
  digest: Uint8Array,
): Promise<Uint8Array> {
  const store = storeOf(parts.stores, key.store, key.name);
  return store.sign({ reference: key.reference, spki: fromHex(key.publicKey), algorithm, digest });
}

/** Signs a digest for one unit; see signOnce. */
export async function signDigest(parts: SigningParts, asked: SignRequest, act: StationAct): Promise<SignAnswer> {
  const { key, made } = await signOnce(parts, { ...asked, use: 'digest' }, act, async (by) => ({
    signature: await signBy(parts, by, asked.algorithm, fromHex(asked.digest)),
    certificate: null,
  }));
  return { ...answeredBy(asked, key, made), signature: toHex(made.signature) };
}

/**
 * Has a key sign for one unit, if its policy allows it. First a place in the policy is taken and kept on disk, then the key
 * signs, with no transaction waiting for it, then the signature is kept with its entry in the audit log; only then it is answered. A
 * request that is sent again has the same signature: where two were made at once, the first that is kept counts and the other is
 * thrown away. Rejects with `signing-refused`, `too-many-requests` or `signing-unavailable`; each is in the audit log.
 */
export async function signOnce(
  parts: SigningParts,
  asked: AskedOfKey,
  act: StationAct,
  make: (key: SigningKey) => Promise<Signed>,
): Promise<{ readonly key: SigningKey; readonly made: Made }> {
  try {
    const { key, made } = await parts.database.transaction((sql) => reserve(sql, asked, act));
    if (made !== null) {
      parts.counts.add('repeated', key.store);
      return { key, made };
    }
    const signed = await make(key);
    const kept = await parts.database.transaction((sql) => keep(sql, asked, key, signed, act));
    parts.counts.add(kept.isNew ? 'signed' : 'repeated', key.store);
    return { key, made: kept };
  } catch (thrown) {
    await tellRefused(parts, asked, act, thrown);
    throw thrown;
  }
}

async function reserve(sql: Sql, asked: AskedOfKey, { station, now }: StationAct): Promise<Reserved> {
  const key = await lockKey(sql, asked.key);
  if (key === null) throw refused(asked.key, 'the plant has no key of this name');
  const { bytes } = SIGNING_ALGORITHMS[asked.algorithm];
  if (asked.digest.length !== 2 * bytes) throw refused(key.name, `a digest for ${asked.algorithm} has ${bytes} bytes`);
  const made = await earlier(sql, asked, station);
  if (made === 'other') throw refused(key.name, `request ${asked.request} was for something else`);
  if (made !== null && made !== 'asked') return { key, made };
  const why = refusal(key, { ...asked, station }, { now, ...(await known(sql, asked, station, now)) });
  if (why !== null) throw refused(key.name, why);
  await requireRate(sql, key, asked.request, now);
  await sql.query(
    `INSERT INTO signatures (station, request, key, algorithm, digest, product, release, serial, uid, asked_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     ON CONFLICT (station, request) DO UPDATE SET asked_at = excluded.asked_at`,
    [station, asked.request, key.name, asked.algorithm, asked.digest, ...unitOf(asked), now],
  );
  return { key, made: null };
}

function unitOf({ product, release, serial, uid }: SignRequest): (string | null)[] {
  return [product, release, serial, uid];
}

const EarlierRow = z.object({
  key: z.string(),
  algorithm: z.string(),
  digest: z.string(),
  product: z.string(),
  release: z.string(),
  serial: z.string(),
  uid: z.string().nullable(),
  signature: z.instanceof(Uint8Array).nullable(),
  certificate: z.instanceof(Uint8Array).nullable(),
  signed_at: TimeColumn.nullable(),
});

/** What this request was before: nothing, asked, made, or something else altogether. */
async function earlier(sql: Sql, asked: SignRequest, station: string): Promise<Made | 'asked' | 'other' | null> {
  const [found] = await sql.query(
    `SELECT key, algorithm, digest, product, release, serial, uid, signature, certificate, signed_at FROM signatures
     WHERE station = $1 AND request = $2`,
    [station, asked.request],
  );
  if (found === undefined) return null;
  const { signature, certificate, signed_at: signedAt, ...row } = EarlierRow.parse(found);
  const members = ['key', 'algorithm', 'digest', 'product', 'release', 'serial', 'uid'] as const;
  if (members.some((member) => row[member] !== asked[member])) return 'other';
  if (signature === null || signedAt === null) return 'asked';
  return { signature: new Uint8Array(signature), certificate: certificate && new Uint8Array(certificate), signedAt };
}

const CountRow = z.tuple([z.object({ signed: CountColumn, held: CountColumn })]);
const ReleaseRow = z.object({ product: z.string(), state: z.string() });

async function known(sql: Sql, { key, request, release }: SignRequest, station: string, now: Date) {
  const counted = await sql.query(
    `SELECT k.signed, (SELECT count(*) FROM signatures s WHERE s.key = k.name AND s.signed_at IS NULL AND s.asked_at > $2
         AND NOT (s.station = $3 AND s.request = $4))::bigint AS held
     FROM signing_keys k WHERE k.name = $1`,
    [key, new Date(now.getTime() - HELD_MS), station, request],
  );
  const [{ signed, held }] = CountRow.parse(counted);
  const [row] = await sql.query('SELECT product, state FROM releases WHERE digest = $1', [release]);
  return { taken: signed + held, release: row === undefined ? null : ReleaseRow.parse(row) };
}

const RateRow = z.tuple([z.object({ asked: CountColumn, oldest: z.date().nullable() })]);

/** In any minute; a request that is sent again counts once. */
async function requireRate(sql: Sql, { name, policy }: SigningKey, request: string, now: Date): Promise<void> {
  if (policy.perMinute === null) return;
  const rows = await sql.query(
    `SELECT count(*)::bigint AS asked, min(asked_at) AS oldest FROM signatures
     WHERE key = $1 AND asked_at > $2 AND request <> $3`,
    [name, new Date(now.getTime() - MINUTE_MS), request],
  );
  const [{ asked, oldest }] = RateRow.parse(rows);
  if (asked < policy.perMinute || oldest === null) return;
  const seconds = Math.max(1, Math.ceil((oldest.getTime() + MINUTE_MS - now.getTime()) / 1000));
  throw new FlashlineError('too-many-requests', { params: { seconds } });
}

/** The signature, its count and its entry in the audit log, at once; or what another attempt has kept already. */
async function keep(
  sql: Sql,
  asked: AskedOfKey,
  { name, store, keyId }: SigningKey,
  { signature, certificate }: Signed,
  { station, now }: StationAct,
): Promise<Made & { readonly isNew: boolean }> {
  // In the order in which `reserve` takes them: nobody waits in a circle.
  const held = await lockKey(sql, name);
  const rows = await sql.query(
    `UPDATE signatures SET signature = $3, certificate = $4, signed_at = $5
     WHERE station = $1 AND request = $2 AND signed_at IS NULL RETURNING id`,
    [station, asked.request, signature, certificate, now],
  );
  if (rows.length === 0) {
    const made = await earlier(sql, asked, station);
    if (made === null || typeof made === 'string') throw new Error('a request that was asked is not there');
    return { ...made, isNew: false };
  }
  const { quantity } = held?.policy ?? { quantity: null };
  if (held === null || (quantity !== null && held.signed >= quantity))
    throw refused(name, `all ${quantity ?? 0} signatures of its policy are used up`);
  await sql.query('UPDATE signing_keys SET signed = signed + 1 WHERE name = $1', [name]);
  const detail = { ...auditDetail(asked), store, keyId, signature: toHex(signature).slice(0, 32) };
  await audit(sql, {
    at: now,
    who: station,
    action: asked.use === 'digest' ? 'signing.sign' : 'signing.issue',
    object: name,
    detail,
  });
  return { signature, certificate, signedAt: now.toISOString(), isNew: true };
}

function auditDetail(asked: SignRequest): Record<string, string> {
  const { request, algorithm, digest, product, release, serial, uid } = asked;
  return { request, algorithm, digest, product, release, serial, uid: uid ?? '' };
}

/** What a caller was told instead of a signature. The place that was held is free again. */
async function tellRefused(
  { database, counts }: SigningParts,
  asked: SignRequest,
  { station, now }: StationAct,
  thrown: unknown,
): Promise<void> {
  const { code, params } = toFailure(thrown);
  // The database itself is what failed: it keeps no entry either.
  if (!(thrown instanceof FlashlineError) || code === 'plant-database') return;
  counts.add(code === 'signing-unavailable' ? 'failed' : 'refused', 'none');
  const reason = params['reason'] ?? params['detail'] ?? params['seconds'] ?? '';
  const detail = { ...auditDetail(asked), code, reason };
  await database.transaction(async (sql) => {
    await sql.query(
      'UPDATE signatures SET asked_at = $3 WHERE station = $1 AND request = $2 AND key = $4 AND signed_at IS NULL',
      [station, asked.request, new Date(0), asked.key],
    );
    await audit(sql, { at: now, who: station, action: 'signing.refuse', object: asked.key, detail });
  });
}

/** What every answer has. */
export function answeredBy(
  { request, algorithm }: Pick<SignRequest, 'request' | 'algorithm'>,
  key: SigningKey,
  { signedAt }: Made,
) {
  const { name, keyId, store } = key;
  return { request, key: name, keyId, algorithm, signedAt, store };
}

function refused(key: string, reason: string): FlashlineError {
  return new FlashlineError('signing-refused', { params: { key, reason } });
}
