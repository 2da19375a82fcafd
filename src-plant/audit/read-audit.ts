import { z } from 'zod';
import type { AuditEntry } from '#shared/contract/plant/web-messages.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { CountColumn, TimeColumn } from '../database/columns.ts';
import type { Sql } from '../database/database.ts';

const Entry = z.object({
  id: CountColumn,
  at: TimeColumn,
  who: z.string(),
  action: z.string(),
  object: z.string(),
  detail: z.record(z.string(), z.string()),
});

/** Newest first; `before` is an earlier page's `next`. Throws `bad-request` for another one. */
export async function readAudit(
  sql: Sql,
  { before, limit }: { readonly before?: string | undefined; readonly limit: number },
): Promise<{ entries: AuditEntry[]; next: string | null }> {
  if (before !== undefined && !/^\d{1,15}$/.test(before))
    throw new FlashlineError('bad-request', { params: { detail: 'before is no page of the audit log' } });
  const rows = await sql.query(
    `SELECT id, at, who, action, object, detail FROM audit_log
     WHERE $1::bigint IS NULL OR id < $1::bigint ORDER BY id DESC LIMIT $2`,
    [before ?? null, limit],
  );
  const entries = z.array(Entry).parse(rows);
  const last = entries.at(-1);
  return { entries, next: entries.length < limit || last === undefined ? null : String(last.id) };
}
