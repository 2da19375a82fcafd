import { z } from 'zod';
import type { RandomBytes } from '#shared/base/clock.ts';
import { sha256Hex } from '#shared/base/digest.ts';
import { BUYER_PAGE } from '#shared/contract/plant/common.ts';
import type { BuyerLink } from '#shared/contract/plant/web-messages.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { audit } from '../audit/audit.ts';
import { CountColumn, TimeColumn, TimeOrNull } from '../database/columns.ts';
import type { Database, Sql } from '../database/database.ts';

/** 160 random bits: nobody guesses one, so their SHA-256 needs neither salt nor slowness. */
const SECRET_BYTES = 20;
const DAY_MS = 86_400_000;

const COLUMNS = 'id, products, note, created_by, created_at, until, revoked_at';
const LinkRow = z
  .object({
    id: CountColumn,
    products: z.array(z.string()),
    note: z.string(),
    created_by: z.string(),
    created_at: TimeColumn,
    until: TimeColumn,
    revoked_at: TimeOrNull,
  })
  .transform(({ created_by, created_at, revoked_at, ...row }): BuyerLink => ({
    ...row,
    createdBy: created_by,
    createdAt: created_at,
    revokedAt: revoked_at,
  }));

/** A link is seen by who may see all of its products. */
const inScope = (parameter: string): string => `(${parameter}::text[] IS NULL OR products <@ ${parameter}::text[])`;

export async function listLinks(sql: Sql, scope: readonly string[] | null): Promise<BuyerLink[]> {
  const text = `SELECT ${COLUMNS} FROM buyer_links WHERE ${inScope('$1')} ORDER BY created_at DESC, id DESC LIMIT 1000`;
  return z.array(LinkRow).parse(await sql.query(text, [scope]));
}

export interface NewLink {
  readonly products: readonly string[];
  readonly note: string;
  readonly days: number;
  readonly who: string;
  readonly now: Date;
  readonly scope: readonly string[] | null;
}

/** The secret leaves here once, in `path`, and is kept nowhere. Rejects with `not-found` for a product out of scope. */
export async function createLink(
  database: Database,
  random: RandomBytes,
  link: NewLink,
): Promise<{ readonly link: BuyerLink; readonly path: string }> {
  const { note, days, who, now, scope } = link;
  const products = [...new Set(link.products)].toSorted();
  const hidden = products.find((product) => scope !== null && !scope.includes(product));
  if (hidden !== undefined) throw new FlashlineError('not-found', { params: { what: `product ${hidden}` } });
  const secret = Buffer.from(random(SECRET_BYTES)).toString('base64url');
  const until = new Date(now.getTime() + days * DAY_MS);
  return database.transaction(async (sql) => {
    const rows = await sql.query(
      `INSERT INTO buyer_links (digest, products, note, created_by, created_at, until)
       VALUES ($1, $2::text[], $3, $4, $5, $6) RETURNING ${COLUMNS}`,
      [digestOf(secret), products, note, who, now, until],
    );
    const made = LinkRow.parse(rows[0]);
    const detail = { products: products.join(', '), note, until: made.until };
    await audit(sql, { at: now, who, action: 'buyer-link.create', object: String(made.id), detail });
    return { link: made, path: `${BUYER_PAGE}#${secret}` };
  });
}

export interface Revocation {
  readonly id: number;
  readonly who: string;
  readonly now: Date;
  readonly scope: readonly string[] | null;
}

/** A link that was revoked stays so: again is no error. Rejects with `not-found`. */
export async function revokeLink(database: Database, { id, who, now, scope }: Revocation): Promise<void> {
  await database.transaction(async (sql) => {
    const [known] = await sql.query(
      `SELECT revoked_at FROM buyer_links WHERE id = $1 AND ${inScope('$2')} FOR UPDATE`,
      [id, scope],
    );
    if (known === undefined) throw new FlashlineError('not-found', { params: { what: `buyer link ${id}` } });
    if (known['revoked_at'] !== null) return;
    await sql.query('UPDATE buyer_links SET revoked_at = $2, revoked_by = $3 WHERE id = $1', [id, now, who]);
    await audit(sql, { at: now, who, action: 'buyer-link.revoke', object: String(id) });
  });
}

/**
 * What a link shows. Unknown, expired and revoked are the same `not-found`, word for word. The secret is looked up by its
 * SHA-256: how long that takes tells nothing of a secret that is near it.
 */
export async function productsOfLink(sql: Sql, secret: string, now: Date): Promise<readonly string[]> {
  const text = 'SELECT products FROM buyer_links WHERE digest = $1 AND revoked_at IS NULL AND until > $2';
  const [row] = await sql.query(text, [digestOf(secret), now], 'buyer-link');
  if (row === undefined) throw new FlashlineError('not-found', { params: { what: 'a valid link' } });
  return z.array(z.string()).parse(row['products']);
}

function digestOf(secret: string): string {
  return sha256Hex(new TextEncoder().encode(secret));
}
