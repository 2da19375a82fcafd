import type { z } from 'zod';
import type { PublicKey } from '../../base/signer.ts';
import { verifyJws } from '../jws.ts';

/** What a compact JWS says, proven to be `key`'s, of this `typ` (STATEMENTS) and of this shape; else null. No time is looked at. */
export async function readStatement<S extends z.ZodType>(
  jws: string,
  typ: string,
  key: PublicKey,
  schema: S,
): Promise<z.output<S> | null> {
  const payload = await verifyJws(jws, typ, key);
  return schema.safeParse(payload).data ?? null;
}
