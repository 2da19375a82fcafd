import { z } from 'zod';
import { sha256Hex } from '#shared/base/digest.ts';
import type { PublicKey } from '#shared/base/signer.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { audit } from '../audit/audit.ts';
import type { Database, Sql } from '../database/database.ts';
import type { Keyring } from '../keyring/keyring.ts';

/** What a server has in files of its own, and all servers of a plant must have alike. */
export interface PlantFiles {
  readonly keyring: Keyring;
  /** Of a certificate that it made itself: DER of the SubjectPublicKeyInfo. Null with one of an authority, or without TLS. */
  readonly tlsSpki: Uint8Array | null;
}

export interface PlantKey {
  readonly keyId: string;
  readonly publicKey: PublicKey;
}

const Row = z.object({ key_id: z.string(), public_key: z.string(), tls_key: z.string().nullable() });
const READ = 'SELECT key_id, public_key, tls_key FROM plant_key';

/** The key by which stations and buyers know this plant; null before its first server. */
export async function knownPlantKey(sql: Sql): Promise<PlantKey | null> {
  const row = await readRow(sql);
  return row === null ? null : { keyId: row.key_id, publicKey: jwkOf(row.public_key) };
}

/**
 * At a server's start. The first one says which key the plant has; one whose file has that key behind a newer one says that the
 * key was renewed. Throws `plant-keys` for any other: what it signed, nobody who knows this plant would believe.
 */
export async function claimPlant(database: Database, files: PlantFiles, now: Date): Promise<void> {
  const { signer, publicKeys } = files.keyring;
  await database.transaction(async (sql) => {
    await sql.query(
      'INSERT INTO plant_key (key_id, public_key, tls_key, since) VALUES ($1, $2, NULL, $3) ON CONFLICT DO NOTHING',
      [signer.keyId, signer.publicKey.x, now],
    );
    const row = await readRow(sql, 'FOR UPDATE');
    if (row === null || !publicKeys.some(({ x }) => x === row.public_key)) throw otherKey(row?.key_id, files);
    requireSameTls(row.tls_key, files);
    if (signer.keyId === row.key_id && (row.tls_key ?? tlsKeyOf(files)) === row.tls_key) return;
    await store(sql, files, now, 'server');
  });
}

/** While it runs: another server may have renewed the key, or somebody gave the plant another one. Throws `plant-keys`. */
async function requireSameKeys(sql: Sql, files: PlantFiles): Promise<void> {
  const row = await readRow(sql);
  if (row?.key_id !== files.keyring.signer.keyId) throw otherKey(row?.key_id, files);
  requireSameTls(row.tls_key, files);
}

/** The plant's key is lost or stolen: from now on it is this one, and its other servers end their work until they have it too. */
export async function adoptKeys(database: Database, files: PlantFiles, who: string, now: Date): Promise<void> {
  await database.transaction((sql) => store(sql, files, now, who));
}

async function store(sql: Sql, files: PlantFiles, now: Date, who: string): Promise<void> {
  const { keyId, publicKey } = files.keyring.signer;
  await sql.query(
    `INSERT INTO plant_key (key_id, public_key, tls_key, since) VALUES ($1, $2, $3, $4)
     ON CONFLICT (one) DO UPDATE SET key_id = $1, public_key = $2, tls_key = coalesce($3, plant_key.tls_key), since = $4`,
    [keyId, publicKey.x, tlsKeyOf(files), now],
  );
  await audit(sql, { at: now, who, action: 'plant.key', object: keyId, detail: { key: publicKey.x } });
}

/** Of a server that has no key: it proves what the plant signed, and signs nothing. */
export function readingKeyring({ keyId, publicKey }: PlantKey, verify: Keyring['verify']): Keyring {
  const sign = () => Promise.reject(noKey(`this computer has none, the plant’s is ${short(keyId)}`));
  return {
    signer: { keyId, publicKey, sign },
    publicKeys: [publicKey],
    verify: (jws, typ, key = publicKey) => verify(jws, typ, key),
  };
}

/** Between two looks at whether the plant's key is still this server's. */
export const KEYS_LOOK_MS = 5000;

/** What the last look found. Those that sign may be in the middle of a transaction, and ask no database. */
export class KeyWatch {
  readonly #sql: Sql;
  readonly #files: PlantFiles;
  #refused: FlashlineError | null = null;

  constructor(sql: Sql, files: PlantFiles) {
    this.#sql = sql;
    this.#files = files;
  }

  /** Rejects with `plant-keys`, or with what keeps it from knowing, which changes nothing. */
  async look(): Promise<void> {
    try {
      await requireSameKeys(this.#sql, this.#files);
      this.#refused = null;
    } catch (thrown) {
      if (thrown instanceof FlashlineError && thrown.failure.code === 'plant-keys') this.#refused = thrown;
      throw thrown;
    }
  }

  /** Signs only while its key is the plant's. */
  guard(keyring: Keyring): Keyring {
    const { signer } = keyring;
    const { keyId, publicKey } = signer;
    const guarded = async (payload: object, typ: string): Promise<string> => {
      if (this.#refused !== null) throw this.#refused;
      return signer.sign(payload, typ);
    };
    return { ...keyring, signer: { keyId, publicKey, sign: guarded } };
  }
}

export function noKey(detail: string): FlashlineError {
  return new FlashlineError('plant-keys', { params: { detail } });
}

async function readRow(sql: Sql, lock = ''): Promise<z.infer<typeof Row> | null> {
  const [row] = await sql.query(`${READ} ${lock}`, [], lock === '' ? 'plant-key' : 'plant-key-lock');
  return row === undefined ? null : Row.parse(row);
}

function otherKey(known: string | undefined, { keyring }: PlantFiles): FlashlineError {
  return noKey(`this server signs with ${short(keyring.signer.keyId)}, the plant’s key is ${short(known ?? '')}`);
}

function requireSameTls(known: string | null, files: PlantFiles): void {
  const own = tlsKeyOf(files);
  if (known === null || own === null || known === own) return;
  throw noKey('the TLS key that it made itself is another one than that of the plant’s servers, which stations pin');
}

function tlsKeyOf({ tlsSpki }: PlantFiles): string | null {
  return tlsSpki === null ? null : sha256Hex(tlsSpki);
}

function jwkOf(x: string): PublicKey {
  return { kty: 'OKP', crv: 'Ed25519', x };
}

/** Enough to tell two keys apart. */
function short(keyId: string): string {
  return keyId.slice(0, 12);
}
