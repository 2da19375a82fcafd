import type { Sql } from '../database/database.ts';

export interface AuditedAct {
  readonly at: Date;
  /** A user's or a station's name, or `command line`. */
  readonly who: string;
  /** As `release.approve`: the call's name. */
  readonly action: string;
  readonly object: string;
  /** Never a secret. */
  readonly detail?: Readonly<Record<string, string>>;
}

/** In the transaction of what it tells of: an act without its entry does not exist. */
export async function audit(sql: Sql, { at, who, action, object, detail = {} }: AuditedAct): Promise<void> {
  const text = 'INSERT INTO audit_log (at, who, action, object, detail) VALUES ($1, $2, $3, $4, $5::jsonb)';
  await sql.query(text, [at, who, action, object, JSON.stringify(detail)]);
}
