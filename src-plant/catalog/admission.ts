import { z } from 'zod';
import type { Admission } from '#shared/contract/plant/station-api.ts';
import { TimeColumn } from '../database/columns.ts';
import type { Sql } from '../database/database.ts';

export interface AskedUnit {
  readonly product: string;
  readonly serial: string;
  readonly uid: string | null;
  /** The step that is about to be done, and the one that must have been done before; null for none. */
  readonly process: string;
  readonly after: string | null;
  /** Addresses that it is about to be given. */
  readonly macs?: readonly string[] | undefined;
}

/** The newest PASS of this step: of this serial, or of the board itself under whatever serial. */
const PASSED = `
  SELECT serial, pass_uid, pass_station, pass_at FROM (
    SELECT serial, pass_uid, pass_station, pass_at FROM units
    WHERE serial = $1 AND product = $2 AND process = $3 AND pass_at IS NOT NULL
    UNION ALL
    SELECT serial, pass_uid, pass_station, pass_at FROM units WHERE pass_uid = $4 AND process = $3
  ) passes
  ORDER BY pass_at DESC LIMIT 1`;

/** Passed, and not failed since: a retest that failed takes the unit off its route. */
const ROUTE = `
  SELECT pass_at IS NOT NULL AND last_verdict <> 'FAIL' AS passed FROM units
  WHERE serial = $1 AND product = $2 AND process = $3`;

const PassRow = z.object({
  serial: z.string(),
  pass_uid: z.string().nullable(),
  pass_station: z.string(),
  pass_at: TimeColumn,
});

/** Whoever passed with it first has it (ingest/duplicates.ts). */
const OWNERS = 'SELECT mark, serial, product FROM marks WHERE mark = ANY($1::text[]) ORDER BY mark';
const OwnerRow = z.object({ mark: z.string(), serial: z.string(), product: z.string() });

/** From `units` alone: a station asks this with a unit in the fixture. */
export async function admit(sql: Sql, asked: AskedUnit): Promise<Admission> {
  const { product, serial, uid, process, after } = asked;
  const macs = asked.macs ? { macs: await ownersOf(sql, asked.macs, serial) } : {};
  const rows = await sql.query(PASSED, [serial, product, process, uid], 'admission-passed');
  const [pass] = z.array(PassRow).parse(rows);
  const passed =
    pass === undefined
      ? null
      : { serial: pass.serial, uid: pass.pass_uid, station: pass.pass_station, finishedAt: pass.pass_at };
  if (after === null) return { passed, route: null, ...macs };
  const [step] = await sql.query(ROUTE, [serial, product, after], 'admission-route');
  return { passed, route: step?.['passed'] === true, ...macs };
}

async function ownersOf(sql: Sql, macs: readonly string[], serial: string): Promise<Admission['macs']> {
  const rows = await sql.query(OWNERS, [macs.map((mac) => `mac:${mac}`)], 'admission-macs');
  return z
    .array(OwnerRow)
    .parse(rows)
    .filter((owner) => owner.serial !== serial)
    .map(({ mark, serial: owner, product }) => ({ mac: mark.slice('mac:'.length), serial: owner, product }));
}
