import { z } from 'zod';
import type { Finding } from '#shared/contract/plant/web-messages.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { audit } from '../audit/audit.ts';
import type { Database, Sql } from '../database/database.ts';
import { FINDING_COLUMNS, FindingRow } from './finding-row.ts';

const inScope = (parameter: string): string => `(${parameter}::text[] IS NULL OR product = ANY (${parameter}::text[]))`;

/** More than anybody reads at once; the oldest of the open ones come when the newest are settled. */
const SHOWN = 1000;

/** Newest first: those still open, or those settled. */
export async function listFindings(sql: Sql, open: boolean, scope: readonly string[] | null): Promise<Finding[]> {
  const rows = await sql.query(
    `SELECT ${FINDING_COLUMNS} FROM findings WHERE (settled_at IS NULL) = $1 AND ${inScope('$2')}
     ORDER BY found_at DESC, id DESC LIMIT ${SHOWN}`,
    [open, scope],
  );
  return z.array(FindingRow).parse(rows);
}

export interface Settlement {
  readonly id: number;
  /** What it was. */
  readonly note: string;
  readonly who: string;
  readonly now: Date;
  readonly scope: readonly string[] | null;
}

/** Rejects with `not-found`, or `state-conflict` when somebody was faster. */
export async function settleFinding(database: Database, settlement: Settlement): Promise<Finding> {
  const { id, note, who, now, scope } = settlement;
  return database.transaction(async (sql) => {
    const settled = await sql.query(
      `UPDATE findings SET settled_at = $2, settled_by = $3, note = $4
       WHERE id = $1 AND settled_at IS NULL AND ${inScope('$5')} RETURNING ${FINDING_COLUMNS}`,
      [id, now, who, note, scope],
    );
    const [finding] = z.array(FindingRow).parse(settled);
    if (finding === undefined) throw await whyNot(sql, settlement);
    await audit(sql, {
      at: now,
      who,
      action: 'finding.settle',
      object: String(id),
      detail: { kind: finding.kind, note },
    });
    return finding;
  });
}

async function whyNot(sql: Sql, { id, scope }: Settlement): Promise<FlashlineError> {
  const [found] = await sql.query(`SELECT settled_by FROM findings WHERE id = $1 AND ${inScope('$2')}`, [id, scope]);
  if (found === undefined) return new FlashlineError('not-found', { params: { what: `finding ${id}` } });
  const detail = `finding ${id} was settled already, by ${String(found['settled_by'])}`;
  return new FlashlineError('state-conflict', { params: { detail } });
}
