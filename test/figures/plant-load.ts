import { Client } from 'pg';
import { canonicalJson, sealRecord } from '#shared/model/record-chain.ts';
import { plantDraft } from '#test/support/plant-chain.ts';

/** A year of a plant: 40 lines that build one of 6 products each, day and night, a work order a week, every sixteenth unit fails first and is tried again. */
const START = '2025-12-01';
const DAYS = 365;
const STATIONS = 40;
const PRODUCTS = 6;
const MONTHS = 12;
/** Indexes that cost less to build than to grow; keys stay. */
const REBUILT = {
  records_of_chain: 'CREATE INDEX records_of_chain ON records (chain, sequence)',
  records_of_uid: 'CREATE INDEX records_of_uid ON records (uid, finished_at) WHERE uid IS NOT NULL',
  records_facets: 'CREATE INDEX records_facets ON records USING gin (facets)',
  units_of_pass_uid: 'CREATE INDEX units_of_pass_uid ON units (pass_uid) WHERE pass_uid IS NOT NULL',
} as const;

export const unitSerial = (unit: number): string => `HB${String(unit).padStart(9, '0')}`;
export const recordsOf = (units: number): number => units + Math.floor(units / 16);

/**
 * Units from `first` up to (not including) `end`, spread over the year, written by PostgreSQL itself as the server would have: far
 * faster than through it. Hashes are as long as real ones, and chains are none.
 */
export async function loadUnits(url: string, first: number, end: number): Promise<void> {
  const clients = [new Client(url), new Client(url)];
  await Promise.all(clients.map((client) => client.connect()));
  await Promise.all(clients.map((client) => client.query("SET TIME ZONE 'UTC'")));
  const [one] = clients;
  if (one === undefined) throw new Error('no connection');
  try {
    await prepare(one, first, end);
    for (const name of Object.keys(REBUILT)) await one.query(`DROP INDEX IF EXISTS ${name}`);
    const slices = Array.from(
      { length: MONTHS },
      (_, index) => [at(first, end, index), at(first, end, index + 1)] as const,
    );
    await Promise.all(
      clients.map(async (client, worker) => {
        for (const [from, to] of slices.filter((_, index) => index % clients.length === worker))
          for (const text of SLICE) await client.query(text, [from, to - 1]);
      }),
    );
    for (const text of ROLL_UPS) await one.query(text);
    for (const text of Object.values(REBUILT)) await one.query(text);
    // As autovacuum would have left the year's tables: else it does so while the figures are taken.
    await one.query('VACUUM (ANALYZE)');
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}

function at(first: number, end: number, slice: number): number {
  return first + Math.round(((end - first) * slice) / MONTHS);
}

async function prepare(client: Client, first: number, end: number): Promise<void> {
  await client.query(
    `SELECT make_records_month(timestamptz '${START}' + n * interval '28 days') FROM generate_series(0, 14) n`,
  );
  await client.query("SET maintenance_work_mem = '512MB'");
  await client.query(`
    INSERT INTO chains (id, station, genesis, sequence, hash, signed, created_at, updated_at)
    OVERRIDING SYSTEM VALUE SELECT -1 - n, 'line-' || n, md5('line-' || n), ${end}, '', ${end}, now(), now()
    FROM generate_series(0, ${STATIONS - 1}) n
    ON CONFLICT DO NOTHING`);
  const spread = `$1::bigint - ${first}`;
  await client.query(`
    CREATE OR REPLACE FUNCTION load_at(unit bigint) RETURNS timestamptz LANGUAGE sql STABLE AS $f$
      SELECT timestamptz '${START}' + (${spread})::float8 / ${end - first} * interval '${DAYS} days' $f$`);
  const template = templateBody().replaceAll("'", "''");
  await client.query(`
    CREATE OR REPLACE FUNCTION load_runs(first bigint, last bigint)
    RETURNS TABLE (unit bigint, serial text, at timestamptz, hash text, product text, uid text, verdict text,
      station text, number integer, work_order text, mac text, body text) LANGUAGE sql STABLE AS $f$
      SELECT unit, serial, at, hash, product, uid, verdict, 'line-' || number, number, work_order, mac,
        format('${template}', hash, to_char(at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), work_order, product, serial, 'line-' || number,
          uid, verdict, mac)
      FROM (
        SELECT unit, 'HB' || lpad(unit::text, 9, '0') AS serial, load_at(unit) + run * interval '90 seconds' AS at,
          md5(unit || '/' || run) || md5(run || '/' || unit) AS hash, 'product-' || unit % ${STATIONS} % ${PRODUCTS} AS product,
          left(md5('u' || unit), 16) AS uid,
          CASE WHEN unit % 16 = 0 AND run = 0 THEN 'FAIL' ELSE 'PASS' END AS verdict,
          (unit % ${STATIONS})::integer AS number, 'WO-' || to_char(load_at(unit), 'IYYYIW') || '-' || unit % ${STATIONS} % ${PRODUCTS} AS work_order,
          '02:' || substr(to_hex(unit + 68719476736), 2) AS mac
        FROM generate_series(first, last) unit CROSS JOIN generate_series(0, CASE WHEN unit % 16 = 0 THEN 1 ELSE 0 END) run
      ) runs $f$`);
}

/** A real record's canonical JSON with places for what changes from unit to unit. */
function templateBody(): string {
  const record = sealRecord(plantDraft({ order: '%3$s', macs: ['%9$s'], process: 'flash', batch: 'LOT' }), null);
  const marked = {
    ...record,
    hash: '%1$s',
    finishedAt: '%2$s',
    serial: '%5$s',
    station: '%6$s',
    uid: '%7$s',
    verdict: '%8$s',
  };
  return canonicalJson({ ...marked, product: { ...record.product, id: '%4$s' } });
}

const hex = (character: string) => character.repeat(64);
const SLICE = [
  `INSERT INTO records (serial, finished_at, hash, chain, sequence, product, process, uid, verdict, station, received_at, facets, body)
   SELECT serial, at, hash, -1 - number, unit, product, 'flash', uid, verdict, station, at,
     ARRAY['image:${hex('b')}', 'image:${hex('c')}', 'key:plant-2026:firmware', 'release:${hex('a')}', 'mac:' || mac,
       'batch:LOT' || unit / 500, 'order:' || work_order], body
   FROM load_runs($1, $2)`,
  `INSERT INTO units (serial, product, process, runs, begun_at, first_at, first_hash, first_verdict, first_station, first_order,
     last_at, last_hash, last_verdict, last_station, pass_at, pass_hash, pass_station, pass_uid, board)
   SELECT serial, product, 'flash', count(*), min(at), min(at), min(hash), CASE WHEN count(*) = 2 THEN 'FAIL' ELSE 'PASS' END,
     station, work_order, max(at), max(hash), 'PASS', station, max(at), max(hash), station, uid, uid
   FROM load_runs($1, $2) GROUP BY serial, product, station, work_order, uid`,
  `INSERT INTO marks (mark, serial, product)
   SELECT mark, serial, product
   FROM (SELECT DISTINCT unit, serial, product, uid, mac FROM load_runs($1, $2)) AS u, unnest(ARRAY['uid:' || uid, 'mac:' || mac]) AS mark
   ORDER BY mark`,
] as const;

const hours = (span: 'hour' | 'day') => `date_trunc('${span}', first_at, 'UTC')`;
/** Counted anew from what is there; in the order of time, as records come in. */
const ROLL_UPS = (['hour', 'day'] as const).flatMap((span) => [
  `TRUNCATE yield_${span}s, run_${span}s`,
  `INSERT INTO yield_${span}s
   SELECT ${hours(span)}, product, process, first_station, coalesce(first_order, ''), count(*),
     count(*) FILTER (WHERE first_verdict = 'PASS'), count(*) FILTER (WHERE first_verdict = 'FAIL' AND pass_at IS NOT NULL)
   FROM units WHERE first_at IS NOT NULL GROUP BY 1, 2, 3, 4, 5 ORDER BY 1`,
  `INSERT INTO run_${span}s
   SELECT at, product, process, station, verdict, code, sum(runs) FROM (
     SELECT ${hours(span)} AS at, product, process, first_station AS station, 'PASS' AS verdict, '' AS code, count(*) AS runs
     FROM units GROUP BY 1, 2, 3, 4
     UNION ALL SELECT ${hours(span)}, product, process, first_station, 'FAIL', 'verify-mismatch', count(*)
     FROM units WHERE first_verdict = 'FAIL' GROUP BY 1, 2, 3, 4) AS ends
   GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1`,
]);
