import { z } from 'zod';
import { DEFAULT_PROCESS } from '#shared/model/unit-record.ts';
import type { AskedUnit, PassedUnit } from './log.ts';
import type { LogDatabase } from './log-database.ts';

const Passed = z.object({
  run: z.string(),
  serial: z.string(),
  uid: z.string().nullable(),
  finished_at: z.string(),
});

const PASS_COLUMNS = 'run, sequence, serial, uid, finished_at';
const newest = (rows: string) => `SELECT * FROM (SELECT ${PASS_COLUMNS} FROM ${rows} ORDER BY sequence DESC LIMIT 1)`;
// A record that cannot be read was a PASS of some step: it protects its unit from all of them.
const OF_STEP = `(NOT json_valid(body) OR coalesce(json_extract(body, '$.process'), '${DEFAULT_PROCESS}') = ?)`;
const PASSED = `verdict = 'PASS' AND simulated = ? AND ${OF_STEP}`;
const ARCHIVED = 'archived_passes WHERE simulated = ? AND process = ?';
/** Each part goes through one unit's records from the newest on, until it meets a PASS. */
export const LAST_PASS = `
  ${newest(`records INDEXED BY records_of_serial WHERE ${PASSED} AND product = ? AND serial = ?`)}
  UNION ALL ${newest(`records INDEXED BY records_of_uid WHERE ${PASSED} AND uid = ?`)}
  UNION ALL ${newest(`${ARCHIVED} AND product = ? AND serial = ?`)}
  UNION ALL ${newest(`${ARCHIVED} AND uid = ?`)}
  ORDER BY sequence DESC LIMIT 1`;

export function lastPassOf(database: LogDatabase, unit: AskedUnit): PassedUnit | undefined {
  const { product, serial, uid, process = DEFAULT_PROCESS } = unit;
  const simulated = Number(unit.simulated);
  const asked = [simulated, process, product, serial, simulated, process, uid];
  const found = database.first(Passed, LAST_PASS, ...asked, ...asked);
  if (found === undefined) return undefined;
  return { run: found.run, serial: found.serial, uid: found.uid, finishedAt: found.finished_at };
}
