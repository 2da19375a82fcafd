import { z } from 'zod';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Sql } from '../database/database.ts';
import { certifyUnit, type Issuer, type SignedCertificate } from './certificate.ts';

const PASSED = `
  SELECT product FROM units WHERE serial = $1 AND product = ANY ($2::text[]) AND pass_at IS NOT NULL
  GROUP BY product ORDER BY product`;

export interface BoughtUnit {
  readonly serial: string;
  /** Of the link. */
  readonly products: readonly string[];
  readonly now: Date;
}

/** The certificates of a serial among these products; a unit that cannot be certified now is not shown at all. */
export async function traceForBuyer(
  sql: Sql,
  issuer: Issuer,
  { serial, products, now }: BoughtUnit,
): Promise<SignedCertificate[]> {
  const rows = z.array(z.object({ product: z.string() })).parse(await sql.query(PASSED, [serial, products]));
  const found: SignedCertificate[] = [];
  for (const { product } of rows) {
    const signed = await certifyUnit(sql, issuer, { product, serial, now }).catch(notCertified);
    if (signed !== null) found.push(signed);
  }
  return found;
}

function notCertified(thrown: unknown): null {
  if (thrown instanceof FlashlineError && thrown.failure.code === 'state-conflict') return null;
  throw thrown;
}
