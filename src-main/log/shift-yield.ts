import { z } from 'zod';
import { FailureCode, Verdict } from '#shared/model/failure.ts';
import type { StationYield, YieldQuery } from './log.ts';
import type { LogDatabase } from './log-database.ts';

const Counts = z.object({ attempted: z.number(), passedFirst: z.number(), passedLater: z.number() });
const Ended = z.object({ verdict: Verdict, code: FailureCode.nullable(), count: z.number() });

/** Two ranges, each of one index that covers it: no record is read. */
export function shiftYieldOf(database: LogDatabase, query: YieldQuery): StationYield {
  const { from, to, product } = query;
  const simulated = Number(query.simulated);
  const ofProduct = product === undefined ? '' : 'AND product = ?';
  const values = [from, to, ...(product === undefined ? [] : [product])];
  const counts = database.first(
    Counts,
    `SELECT count(*) AS attempted, coalesce(sum(first_passed), 0) AS passedFirst,
       coalesce(sum(passed > first_passed), 0) AS passedLater
     FROM units INDEXED BY units_first WHERE simulated = ? AND first_at >= ? AND first_at < ? ${ofProduct}`,
    simulated,
    ...values,
  );
  const runs = database.all(
    Ended,
    `SELECT verdict, code, count(*) AS count FROM records INDEXED BY records_in_time
     WHERE finished_at >= ? AND finished_at < ? ${ofProduct} AND simulated = ?
     GROUP BY verdict, code ORDER BY count(*) DESC, verdict, code`,
    ...values,
    simulated,
  );
  return { ...(counts ?? { attempted: 0, passedFirst: 0, passedLater: 0 }), runs };
}
