import { calculateJwkThumbprint } from 'jose';
import { z } from 'zod';
import type { PublicKey } from '#shared/base/signer.ts';
import { verifyJws } from '#shared/contract/jws.ts';
import { ChainHead, STATEMENTS } from '#shared/contract/plant/station-api.ts';
import { canonicalJson } from '#shared/model/record-chain.ts';
import type { LogDatabase } from './log-database.ts';

export interface SignedHead extends ChainHead {
  readonly keyId: string;
  readonly publicKey: PublicKey;
  /** Compact JWS of the ChainHead. */
  readonly jws: string;
}

export interface HeadCheck {
  /** Whose signatures cover the log; null where none does. */
  readonly keyId: string | null;
  /** The newest record that a signature of that key covers, and how many came after it. */
  readonly through: number;
  readonly since: number;
  /** In words for an engineer. */
  readonly fault: string | null;
}

const Row = ChainHead.extend({ key_id: z.string(), key_x: z.string(), jws: z.string() });
type Row = z.infer<typeof Row>;
const Found = z.object({ hash: z.string() });
const End = z.object({ sequence: z.number() });

/** The chain's signed heads: the newest, and the last of each day before. */
export class SqliteChainHeads {
  readonly #database: LogDatabase;

  constructor(database: LogDatabase) {
    this.#database = database;
  }

  /** The chain's head, if this key has not signed it yet. */
  async unsigned(keyId: string): Promise<ChainHead | null> {
    const head = this.#database.first(
      ChainHead.extend({ signed: z.number() }),
      `SELECT (SELECT chain FROM chain_name) AS chain, sequence, hash,
         EXISTS (SELECT 1 FROM chain_heads WHERE sequence = chain_tail.sequence AND key_id = ?) AS signed
       FROM chain_tail WHERE chain IS NOT NULL`,
      keyId,
    );
    return head === undefined || head.signed === 1 ? null : ChainHead.parse(head);
  }

  /** Keeps a signed head, if its record is in the log; older ones of the same day go. `at`: UTC, ISO 8601. */
  async keep({ chain, sequence, hash, keyId, publicKey, jws }: SignedHead, at: string): Promise<void> {
    const day = at.slice(0, 10);
    const statement = [chain, keyId, publicKey.x, jws, day, sequence, hash];
    this.#database.transaction(() => {
      this.#database.run(
        `INSERT INTO chain_heads (sequence, hash, chain, key_id, key_x, jws, signed_on)
         SELECT sequence, hash, ?, ?, ?, ?, ? FROM chain_tail WHERE sequence = ? AND hash = ?
         UNION SELECT sequence, hash, ?, ?, ?, ?, ? FROM records WHERE sequence = ? AND hash = ?
         ON CONFLICT (sequence) DO NOTHING`,
        ...statement,
        ...statement,
      );
      this.#database.run(
        `DELETE FROM chain_heads WHERE signed_on = ? AND sequence < (SELECT max(sequence) FROM chain_heads WHERE signed_on = ?)`,
        day,
        day,
      );
    });
  }

  /** The newest statement by this key about the record `sequence` or a later one, for the plant. */
  async signed(keyId: string, sequence: number): Promise<SignedHead | null> {
    const sql = 'SELECT * FROM chain_heads WHERE key_id = ? AND sequence >= ? ORDER BY sequence DESC LIMIT 1';
    const row = this.#database.first(Row, sql, keyId, sequence);
    return row === undefined ? null : signedHead(row);
  }

  /**
   * Every signature, and that each is about the record that stands in its place: a chain that was made anew as a whole no
   * longer has them. `own`: this station's key; null where it is not known.
   */
  async check(own: PublicKey | null): Promise<HeadCheck> {
    const ownId = own === null ? null : await calculateJwkThumbprint(own);
    const rows = this.#database.all(Row, 'SELECT * FROM chain_heads ORDER BY sequence');
    const newest = rows.findLast((row) => ownId === null || row.key_id === ownId);
    const end = this.#database.first(End, 'SELECT sequence FROM chain_tail')?.sequence ?? 0;
    const through = newest?.sequence ?? 0;
    const told = { keyId: newest?.key_id ?? null, through, since: end - through };
    for (const row of rows) {
      const fault = (await statementFault(row)) ?? this.#recordFault(row);
      if (fault !== null) return { ...told, fault };
    }
    const stranger = rows.at(-1);
    if (newest === undefined && stranger !== undefined)
      return { ...told, fault: `the chain is signed by ${stranger.key_id}, and this station’s key is ${ownId}` };
    return { ...told, fault: null };
  }

  #recordFault({ sequence, hash }: Row): string | null {
    const found = this.#database.first(
      Found,
      `SELECT hash FROM records WHERE sequence = ? UNION ALL SELECT hash FROM anchors WHERE sequence = ?
       UNION ALL SELECT hash FROM gaps WHERE last = ?`,
      sequence,
      sequence,
      sequence,
    );
    if (found?.hash === hash) return null;
    if (found)
      return `record ${sequence} is not the one that was signed: it has hash ${found.hash}, signed was ${hash}`;
    const accounted = this.#database.first(
      z.unknown(),
      `SELECT 1 FROM anchors WHERE sequence > ? UNION ALL SELECT 1 FROM gaps WHERE first <= ? AND last > ?`,
      sequence,
      sequence,
      sequence,
    );
    return accounted === undefined ? `record ${sequence} was signed and is missing` : null;
  }
}

async function statementFault(row: Row): Promise<string | null> {
  const { sequence, publicKey, keyId, jws } = signedHead(row);
  const { chain, hash } = row;
  const isSigned =
    canonicalJson(await verifyJws(jws, STATEMENTS.chainHead, publicKey)) === canonicalJson({ chain, sequence, hash });
  const isKeys = (await calculateJwkThumbprint(publicKey)) === keyId;
  return isSigned && isKeys ? null : `the signed head at record ${sequence} is not what key ${keyId} signed`;
}

function signedHead({ chain, sequence, hash, key_id, key_x, jws }: Row): SignedHead {
  return { chain, sequence, hash, keyId: key_id, publicKey: { kty: 'OKP', crv: 'Ed25519', x: key_x }, jws };
}
