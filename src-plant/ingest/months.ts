import { z } from 'zod';
import type { Sql } from '../database/database.ts';

/** Ready before they begin, so that no batch has to wait for its table at midnight. */
const MONTHS_AHEAD = 2;
const Made = z.tuple([z.object({ made: z.boolean() })]);

/** Sees to it that records find the partition of their month; remembers which there are. */
export interface Months {
  /** Of these instants (milliseconds), of this month and of the next two. Those that cannot be made now are left for later. */
  ensure(sql: Sql, finishedMs: Iterable<number>, now: Date): Promise<void>;
}

export function createMonths(): Months {
  const known = new Set<number>();
  return {
    ensure: async (sql, finishedMs, now) => {
      const ahead = Array.from({ length: MONTHS_AHEAD + 1 }, (_, months) => startOfMonth(now.getTime(), months));
      const needed = new Set([...ahead, ...[...finishedMs].map((ms) => startOfMonth(ms))]);
      for (const start of [...needed].filter((start) => !known.has(start)).sort((a, b) => a - b)) {
        const [{ made }] = Made.parse(
          await sql.query('SELECT make_records_month($1) AS made', [new Date(start)], 'months-make'),
        );
        if (made) known.add(start);
      }
    },
  };
}

/** UTC. `setUTCFullYear` also takes the first hundred years for what they are. */
function startOfMonth(ms: number, monthsLater = 0): number {
  const at = new Date(ms);
  return new Date(0).setUTCFullYear(at.getUTCFullYear(), at.getUTCMonth() + monthsLater, 1);
}
