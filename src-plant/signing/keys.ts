import { createHash } from 'node:crypto';
import { z } from 'zod';
import { toHex } from '#shared/base/bytes.ts';
import type { RandomBytes } from '#shared/base/clock.ts';
import { KeyPolicy, KeyUse, type PolicyChange, type SigningKey } from '#shared/contract/plant/signing-api.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { KeyKind, KeyStoreKind } from '#shared/model/signing.ts';
import { audit } from '../audit/audit.ts';
import { CountColumn, TimeColumn, TimeOrNull } from '../database/columns.ts';
import { type Database, DatabaseError, type Sql } from '../database/database.ts';
import type { StoredKey } from './key-store.ts';
import { type KeyStores, storeOf } from './key-stores.ts';

const Bytes = z.instanceof(Uint8Array).transform((bytes) => toHex(bytes));
const Texts = z.array(z.string()).nullable();

const KeyRow = z.object({
  name: z.string(),
  kind: KeyKind,
  use: KeyUse,
  store: KeyStoreKind,
  reference: z.string(),
  public_key: Bytes,
  key_id: z.string(),
  certificate: Bytes.nullable(),
  enabled: z.boolean(),
  products: Texts,
  releases: Texts,
  stations: Texts,
  per_minute: z.number().nullable(),
  quantity: CountColumn.nullable(),
  until: TimeOrNull,
  signed: CountColumn,
  created_by: z.string(),
  created_at: TimeColumn,
});

const KEYS = `SELECT name, kind, use, store, reference, public_key, key_id, certificate, enabled, products, releases, stations,
  per_minute, quantity, until, signed, created_by, created_at FROM signing_keys`;

function keyOf(row: unknown): SigningKey {
  const { public_key, key_id, created_by, created_at, signed, certificate, ...rest } = KeyRow.parse(row);
  const { name, kind, use, store, reference, enabled, products, releases, stations, quantity, until } = rest;
  const policy = { enabled, products, releases, stations, perMinute: rest.per_minute, quantity, until };
  const key = { name, kind, use, store, reference, keyId: key_id, publicKey: public_key, certificate };
  return { ...key, policy, signed, createdBy: created_by, createdAt: created_at };
}

/** By name; those that sign for one of these products, null for all. */
export async function listKeys(sql: Sql, scope: readonly string[] | null): Promise<SigningKey[]> {
  const text = `${KEYS} WHERE $1::text[] IS NULL OR products IS NULL OR products && $1::text[] ORDER BY name LIMIT 1000`;
  return (await sql.query(text, [scope])).map(keyOf);
}

/** With its row held until the transaction ends: whoever signs by it counts by turns. Null for none. */
export async function lockKey(sql: Sql, name: string): Promise<SigningKey | null> {
  const [row] = await sql.query(`${KEYS} WHERE name = $1 FOR UPDATE`, [name]);
  return row === undefined ? null : keyOf(row);
}

export interface NewKey {
  readonly name: string;
  readonly use: KeyUse;
  readonly store: KeyStoreKind;
  /** `kind`: made now; `reference`: one that the store has. */
  readonly from: { readonly kind: KeyKind } | { readonly reference: string };
  readonly policy: PolicyChange;
}

export interface KeyAct {
  readonly who: string;
  readonly now: Date;
}

/** Nobody has thought of it yet: it signs nothing. */
const FIRST_POLICY: KeyPolicy = {
  enabled: false,
  products: null,
  releases: null,
  stations: null,
  perMinute: null,
  quantity: null,
  until: null,
};
const REFERENCE_BYTES = 16;

/** Rejects with `state-conflict` where a key has the name, or is that key; with what the store says; nothing is kept then. */
export async function createKey(
  {
    database,
    stores,
    random,
  }: { readonly database: Database; readonly stores: KeyStores; readonly random: RandomBytes },
  wanted: NewKey,
  act: KeyAct,
): Promise<SigningKey> {
  const { name, use, from } = wanted;
  const store = storeOf(stores, wanted.store, name);
  const [there] = await database.query('SELECT 1 FROM signing_keys WHERE name = $1', [name]);
  if (there !== undefined) throw conflict(`there is a key ${name} already`);
  const reference = 'reference' in from ? from.reference : toHex(random(REFERENCE_BYTES));
  const stored = 'kind' in from ? await store.generate(from.kind, reference, name) : await store.find(reference);
  const policy = changed(FIRST_POLICY, wanted.policy);
  try {
    return await database.transaction(async (sql) => {
      await insertKey(sql, { name, use, store: wanted.store, reference, stored, policy }, act);
      const detail = { store: wanted.store, kind: stored.kind, use, key: keyIdOf(stored.spki), ...wordsOf(policy) };
      await audit(sql, { at: act.now, who: act.who, action: 'key.create', object: name, detail });
      return requireKey(sql, name);
    });
  } catch (thrown) {
    if (thrown instanceof DatabaseError && thrown.code === '23505')
      throw conflict('another key has this name or reference');
    throw thrown;
  }
}

interface KeyToInsert {
  readonly name: string;
  readonly use: KeyUse;
  readonly store: KeyStoreKind;
  readonly reference: string;
  readonly stored: StoredKey;
  readonly policy: KeyPolicy;
}

async function insertKey(sql: Sql, key: KeyToInsert, { who, now }: KeyAct): Promise<void> {
  const { name, use, store, reference, stored, policy } = key;
  await sql.query(
    `INSERT INTO signing_keys (name, kind, use, store, reference, public_key, key_id, enabled, products, releases, stations,
       per_minute, quantity, until, created_by, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::text[], $10::text[], $11::text[], $12, $13, $14, $15, $16)`,
    [name, stored.kind, use, store, reference, stored.spki, keyIdOf(stored.spki), ...policyValues(policy), who, now],
  );
}

function policyValues({ enabled, products, releases, stations, perMinute, quantity, until }: KeyPolicy) {
  return [enabled, products, releases, stations, perMinute, quantity, until === null ? null : new Date(until)];
}

/** Rejects with `not-found`. */
export async function changePolicy(
  database: Database,
  name: string,
  change: PolicyChange,
  { who, now }: KeyAct,
): Promise<SigningKey> {
  return database.transaction(async (sql) => {
    const key = await lockKey(sql, name);
    if (key === null) throw noKey(name);
    const policy = changed(key.policy, change);
    await sql.query(
      `UPDATE signing_keys SET enabled = $2, products = $3::text[], releases = $4::text[], stations = $5::text[],
         per_minute = $6, quantity = $7, until = $8 WHERE name = $1`,
      [name, ...policyValues(policy)],
    );
    await audit(sql, { at: now, who, action: 'key.policy', object: name, detail: wordsOf(policy) });
    return requireKey(sql, name);
  });
}

function changed(policy: KeyPolicy, change: PolicyChange): KeyPolicy {
  const given = Object.entries(change).filter(([, value]) => value !== undefined);
  return KeyPolicy.parse({ ...policy, ...Object.fromEntries(given) });
}

/** With its row held. Rejects with `not-found`. */
export async function requireKey(sql: Sql, name: string): Promise<SigningKey> {
  const key = await lockKey(sql, name);
  if (key === null) throw noKey(name);
  return key;
}

function noKey(name: string): FlashlineError {
  return new FlashlineError('not-found', { params: { what: `signing key ${name}` } });
}

function conflict(detail: string): FlashlineError {
  return new FlashlineError('state-conflict', { params: { detail } });
}

function keyIdOf(spki: Uint8Array): string {
  return createHash('sha256').update(spki).digest('hex');
}

function wordsOf(policy: KeyPolicy): Record<string, string> {
  return Object.fromEntries(
    Object.entries(policy).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : String(value)]),
  );
}
