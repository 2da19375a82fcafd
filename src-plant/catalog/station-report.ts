import type { Signer } from '#shared/base/signer.ts';
import { type StationReport, STATEMENTS } from '#shared/contract/plant/station-api.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Database, Sql } from '../database/database.ts';
import { buildDocument } from './station-document.ts';

const DAY_MS = 86_400_000;
/** Beyond this a station's times cannot be compared with others'. */
const SKEW_MS = 5 * 60_000;

export interface Reporting {
  readonly database: Database;
  readonly signer: Signer;
  /** How long a station may work without hearing from the plant. */
  readonly leaseDays: number;
}

/**
 * Keeps how the station is and gives it its document, signed. Not in the audit log: a report comes every minute and decides
 * nothing. Rejects with `station-revoked` for a station that may not work any more.
 */
export async function takeReport(
  { database, signer, leaseDays }: Reporting,
  station: string,
  report: StationReport,
  now: Date,
): Promise<string> {
  const leaseUntil = new Date(now.getTime() + leaseDays * DAY_MS);
  const document = await database.transaction(async (sql) => {
    await keepReport(sql, station, report, now, leaseUntil);
    if (Math.abs(report.skewMs ?? 0) > SKEW_MS) await keepSkew(sql, station, report.skewMs ?? 0, now);
    return buildDocument(sql, station, now, leaseUntil);
  });
  return signer.sign(document, STATEMENTS.stationDocument);
}

async function keepReport(
  sql: Sql,
  station: string,
  { appVersion, pending, oldestAt, skewMs, release }: StationReport,
  now: Date,
  leaseUntil: Date,
): Promise<void> {
  const rows = await sql.query(
    `UPDATE stations SET last_seen_at = $2, app_version = $3, pending = $4, oldest_at = $5, skew_ms = $6, release = $7,
       lease_until = $8
     WHERE name = $1 AND revoked_at IS NULL RETURNING name`,
    [station, now, appVersion, pending, oldestAt, skewMs, release, leaseUntil],
    'station-report',
  );
  if (rows.length === 0) throw new FlashlineError('station-revoked', { params: { station } });
}

/** One a station and day (UTC): somebody who settled yesterday's is told when the clock is still wrong. */
async function keepSkew(sql: Sql, station: string, skewMs: number, now: Date): Promise<void> {
  const identity = ['clock-skew', station, now.toISOString().slice(0, 10)].join('\n');
  const detail = { skewMs: String(Math.round(skewMs)) };
  await sql.query(
    `INSERT INTO findings (kind, station, detail, identity, found_at) VALUES ('clock-skew', $1, $2::jsonb, $3, $4)
     ON CONFLICT (identity) DO NOTHING`,
    [station, JSON.stringify(detail), identity, now],
  );
}
