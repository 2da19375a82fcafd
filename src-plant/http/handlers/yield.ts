import type { Sql } from '../../database/database.ts';
import { yieldReport } from '../../trace/yield-report.ts';
import { type Handlers, scopeOf } from '../handlers.ts';

export interface YieldServices {
  readonly database: Sql;
}

export function yieldHandlers({ database }: YieldServices): Handlers<'yield.report'> {
  return { 'yield.report': ({ query }, context) => yieldReport(database, query, scopeOf(context, query.product)) };
}
