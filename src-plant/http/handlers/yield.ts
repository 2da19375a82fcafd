import type { Sql } from '../../database/database.ts';
import { yieldReport } from '../../trace/yield-report.ts';
import type { Handlers } from '../handlers.ts';

export interface YieldServices {
  readonly database: Sql;
}

export function yieldHandlers({ database }: YieldServices): Handlers<'yield.report'> {
  return { 'yield.report': ({ query }) => yieldReport(database, query) };
}
