import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDatabase } from '#plant/database/open-database.ts';
import { realClock } from '#main/app/real-clock.ts';
import { type Postgres, startPostgres } from '#test/support/postgres.ts';
import { fillWeek, sendAll, timed } from './plant-ingest.ts';
import { openPerson, openStation, type PlantCaller, quantile, startServer } from './plant-line.ts';
import { loadUnits, recordsOf, unitSerial } from './plant-load.ts';

/** The keys that a trace walks, as docs/operations.md has them brought back to memory after a restart. */
const PREWARM = `
  CREATE EXTENSION IF NOT EXISTS pg_prewarm;
  SELECT sum(pg_prewarm(indexrelid)) FROM pg_index
  WHERE indisprimary AND indrelid::regclass::text ~ '^(units|records_.*)$'`;

/** Records, in millions, between which the cost of one more is compared. */
const STAGES = [0.1, 1, 3, 10] as const;
const RECORDS = 5000;
const TRACES = 1000;
const WARM_UP = 100;
const REPORTS = 200;
const NOW = Date.parse('2026-11-15T00:00:00Z');
const DAY = 86_400_000;

/** fsync is off only while rows are made that no server wrote. */
const LOADING = { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off', autovacuum: 'off' };
const SETTINGS = {
  shared_buffers: '4GB',
  max_wal_size: '6GB',
  wal_level: 'minimal',
  max_wal_senders: '0',
  random_page_cost: '1.1',
};

/**
 * What ingest, a trace and a yield report cost with 0.1, 1, 3 and 10 million records in the plant, through one server process. Heavy:
 * half an hour and 40 GB; only where FLASHLINE_HEAVY_FIGURES names the most millions to load. With FLASHLINE_HEAVY_FOLDER the
 * cluster is kept there, and a later run measures what it holds without loading anything.
 */
export async function measurePlantScale(most = Number(process.env['FLASHLINE_HEAVY_FIGURES'] ?? 0)): Promise<object> {
  const figures: Record<string, object> = {};
  if (most === 0) return figures;
  const keep = process.env['FLASHLINE_HEAVY_FOLDER'];
  const cluster = await startPostgres({ settings: SETTINGS, ...(keep === undefined ? {} : { keep }) });
  try {
    const held = keep === undefined ? undefined : heldIn(keep);
    if (held !== undefined) return { [`${held}M`]: await measureStage(cluster, unitsOf(held), Date.now()) };
    const url = await cluster.createDatabase('plant');
    await (await openDatabase({ url }, { clock: realClock })).close();
    let units = 0;
    for (const [index, millions] of STAGES.filter((stage) => stage <= most).entries()) {
      const end = unitsOf(millions);
      await cluster.stop();
      await cluster.start(LOADING);
      const loadSeconds = await timed(() => loadUnits(url, units, end));
      units = end;
      await cluster.stop();
      await cluster.start();
      figures[`${millions}M`] = { loadSeconds, ...(await measureStage(cluster, units, index)) };
      process.stderr.write(`${millions} million: ${JSON.stringify(figures[`${millions}M`])}\n`);
    }
    if (keep !== undefined) writeFileSync(join(keep, HELD), String(STAGES.findLast((stage) => stage <= most)));
    return figures;
  } finally {
    await cluster.stop();
    await cluster.remove();
  }
}

const HELD = 'millions';

/** Every sixteenth unit has two records. */
function unitsOf(millions: number): number {
  return Math.round((millions * 1e6 * 16) / 17);
}

/** Millions of records in a cluster that was kept. */
function heldIn(folder: string): number | undefined {
  const file = join(folder, HELD);
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) : undefined;
}

async function measureStage(cluster: Postgres, units: number, stage: number): Promise<object> {
  const url = cluster.urlOf('plant');
  const database = await openDatabase({ url }, { clock: realClock });
  const server = await startServer(url, join(cluster.folder, 'server'));
  try {
    const person = await openPerson(database, server.url);
    const cold = await latencies(TRACES, (index) => trace(person, units, index));
    await cluster.psql(PREWARM, 'plant');
    const traces = await latencies(TRACES, (index) => trace(person, units, 2 * TRACES + index));
    const reports = await latencies(REPORTS, (index) => report(person, index));
    const cpu = server.cpuSeconds();
    const delivery = await fillWeek(await openStation(database, server.url, `away-${stage}`), RECORDS, 90 + stage);
    const seconds = await timed(() => sendAll(delivery));
    return {
      records: recordsOf(units),
      traceMs: { p50: quantile(traces, 0.5), p99: quantile(traces, 0.99) },
      coldTraceMs: { p50: quantile(cold, 0.5), p99: quantile(cold, 0.99) },
      reportMs: { p50: quantile(reports, 0.5), p95: quantile(reports, 0.95) },
      ingestRecordsPerSecond: RECORDS / seconds,
      ingestServerCpuMicroseconds: ((server.cpuSeconds() - cpu) / RECORDS) * 1e6,
      serverPeakMib: server.memory().peakMib,
    };
  } finally {
    await server.close();
    await database.close();
  }
}

async function latencies(count: number, call: (index: number) => Promise<unknown>): Promise<number[]> {
  for (let index = 0; index < WARM_UP; index++) await call(count + index);
  const all: number[] = [];
  for (let index = 0; index < count; index++) all.push((await timed(() => call(index))) * 1000);
  return all;
}

/** Serials from all over the year. */
async function trace(person: PlantCaller, units: number, index: number): Promise<void> {
  const serial = unitSerial((index * 7_919_317) % units);
  const found = await person.get(`/units/${serial}`);
  if (!Array.isArray(found) || found.length !== 1) throw new Error(`${serial} was not found`);
}

/** What dashboards ask: today and this week by the hour, a month by the day, of everything or less; the year of one line. */
const DASHBOARDS = [
  { days: 1, by: 'hour', of: '' },
  { days: 1, by: 'hour', of: '&product=product-3' },
  { days: 7, by: 'hour', of: '' },
  { days: 7, by: 'hour', of: '&station=line-7' },
  { days: 30, by: 'day', of: '' },
  { days: 365, by: 'day', of: '&station=line-7' },
] as const;

async function report(person: PlantCaller, index: number): Promise<void> {
  const { days, by, of } = DASHBOARDS[index % DASHBOARDS.length] ?? DASHBOARDS[0];
  const from = new Date(NOW - days * DAY).toISOString();
  await person.get(`/yield?from=${from}&to=${new Date(NOW).toISOString()}&by=${by}${of}`);
}
