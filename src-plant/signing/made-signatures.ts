import { z } from 'zod';
import type { MadeSignature } from '#shared/contract/plant/signing-api.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { SigningAlgorithm } from '#shared/model/signing.ts';
import { CountColumn, TimeColumn } from '../database/columns.ts';
import type { Sql } from '../database/database.ts';

const Made = z.object({
  id: CountColumn,
  station: z.string(),
  request: z.string(),
  algorithm: SigningAlgorithm,
  digest: z.string(),
  product: z.string(),
  release: z.string(),
  serial: z.string(),
  uid: z.string().nullable(),
  signed_at: TimeColumn,
});

export interface SignaturePage {
  readonly before?: string | undefined;
  readonly limit: number;
  /** The only products that whoever asks may see; null for all. */
  readonly scope: readonly string[] | null;
}

/** Newest first; `before` is an earlier page's `next`. Throws `bad-request` for another one. */
export async function madeSignatures(
  sql: Sql,
  key: string,
  { before, limit, scope }: SignaturePage,
): Promise<{ signatures: MadeSignature[]; next: string | null }> {
  if (before !== undefined && !/^\d{1,15}$/.test(before))
    throw new FlashlineError('bad-request', { params: { detail: 'before is no page of the signatures' } });
  const rows = await sql.query(
    `SELECT id, station, request, algorithm, digest, product, release, serial, uid, signed_at FROM signatures
     WHERE key = $1 AND signed_at IS NOT NULL AND ($2::bigint IS NULL OR id < $2::bigint)
       AND ($4::text[] IS NULL OR product = ANY ($4::text[])) ORDER BY id DESC LIMIT $3`,
    [key, before ?? null, limit, scope],
  );
  const made = z.array(Made).parse(rows);
  const last = made.at(-1);
  return {
    signatures: made.map(signatureOf),
    next: made.length < limit || last === undefined ? null : String(last.id),
  };
}

function signatureOf(row: z.infer<typeof Made>): MadeSignature {
  const { station, request, algorithm, digest, product, release, serial, uid, signed_at: signedAt } = row;
  return { station, request, algorithm, digest, product, release, serial, uid, signedAt };
}
