import { z } from 'zod';
import type { Finding, TracedRun, UnitTrace } from '#shared/contract/plant/web-messages.ts';
import { UnitRecord } from '#shared/model/unit-record.ts';
import { CountColumn, TimeColumn } from '../database/columns.ts';
import type { Sql } from '../database/database.ts';
import { FINDING_COLUMNS, FindingJson } from './finding-row.ts';

export interface TracedUnit {
  readonly serial: string;
  /** The only products that whoever asks may see; null for all. */
  readonly scope: readonly string[] | null;
}

/** A golden unit is run every morning for years; of each product its newest runs are shown. */
const RUNS_SHOWN = 500;

/** Of all its products: a trace has to wait for one statement only. */
const FINDINGS = `
  SELECT jsonb_agg(noted ORDER BY found_at DESC, id DESC) FROM (
    SELECT ${FINDING_COLUMNS} FROM findings
    WHERE serial = $1 AND ($2::text[] IS NULL OR product = ANY ($2::text[]))
    ORDER BY found_at DESC, id DESC LIMIT 100) noted`;

/**
 * `units` says between which instants the serial lived, so that only those months' partitions are opened. Both bounds are
 * scalar subqueries: PostgreSQL evaluates them first and prunes by what they give, also in a prepared plan.
 */
const RUNS = `
  SELECT product, body, received_at, signed, CASE WHEN place = 1 THEN (${FINDINGS}) END AS findings FROM (
    SELECT r.product, r.body, r.received_at, r.finished_at, r.hash, r.sequence <= c.signed AS signed,
           row_number() OVER (PARTITION BY r.product ORDER BY r.finished_at DESC, r.hash DESC) AS place
    FROM records r JOIN chains c ON c.id = r.chain
    WHERE r.serial = $1
      AND r.finished_at >= (SELECT min(begun_at) FROM units WHERE serial = $1)
      AND r.finished_at <= (SELECT max(last_at) FROM units WHERE serial = $1)
      AND ($2::text[] IS NULL OR r.product = ANY ($2::text[]))
  ) newest
  WHERE place <= ${RUNS_SHOWN}
  ORDER BY finished_at DESC, hash DESC`;

const COUNTS = `
  SELECT product, sum(runs)::bigint AS runs FROM units
  WHERE serial = $1 AND ($2::text[] IS NULL OR product = ANY ($2::text[]))
  GROUP BY product`;

const RunRow = z.object({
  product: z.string(),
  body: z.string(),
  received_at: TimeColumn,
  signed: z.boolean(),
  /** Only with each product's newest. */
  findings: z.array(FindingJson).nullable(),
});
type RunRow = z.infer<typeof RunRow>;
// Making a schema takes longer than reading a row by it.
const RunRows = z.array(RunRow);
const CountRows = z.array(z.object({ product: z.string(), runs: CountColumn }));

/** One trace a product, the one that was worked on last first; empty for a serial that nobody knows. */
export async function traceUnit(sql: Sql, { serial, scope }: TracedUnit): Promise<UnitTrace[]> {
  const values = [serial, scope];
  const runs = RunRows.parse(await sql.query(RUNS, values, 'trace-runs'));
  const [newest] = runs;
  if (newest === undefined) return [];
  const counts = runs.length < RUNS_SHOWN ? [] : CountRows.parse(await sql.query(COUNTS, values, 'trace-counts'));
  const findings = newest.findings ?? [];
  const products = [...new Set(runs.map(({ product }) => product))];
  return products.flatMap((product) => {
    const own = runs.filter((run) => run.product === product).map(tracedRun);
    const inAll = counts.find((count) => count.product === product)?.runs ?? own.length;
    return oneTrace(serial, own, inAll, findingsOf(findings, product));
  });
}

function oneTrace(serial: string, runs: TracedRun[], inAll: number, findings: Finding[]): UnitTrace[] {
  const [newest] = runs;
  if (newest === undefined) return [];
  const older = inAll - runs.length;
  return [{ serial, product: newest.record.product, runs, ...(older > 0 ? { older } : {}), findings }];
}

function findingsOf(findings: readonly Finding[], product: string): Finding[] {
  return findings.filter((finding) => finding.product === null || finding.product === product);
}

function tracedRun({ body, received_at, signed }: RunRow): TracedRun {
  return { record: UnitRecord.parse(JSON.parse(body)), receivedAt: received_at, signed };
}
