import { pipeline } from 'node:stream/promises';
import { Readable, Writable } from 'node:stream';
import { Client } from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { openDatabase } from '#plant/database/open-database.ts';
import { realClock } from '#main/app/real-clock.ts';
import { FAILED } from '#test/support/plant-chain.ts';
import { type Postgres, startPostgres } from '#test/support/postgres.ts';
import { openStation, type OpenStation, packedBatches, startServer } from './plant-line.ts';

/** A station's week: 20 000 units. */
const WEEK = 20_000;
const STATIONS = 4;
const EACH = 5000;
const BATCH = 500;
/** What a batch of records changes. */
const TABLES = ['records', 'units', 'marks', 'yield_hours', 'yield_days', 'run_hours', 'run_days'] as const;

/**
 * Records into a plant on PostgreSQL through its HTTP server, a process of its own, all on this machine, commits on the disk: some
 * stations at once, then a station that was away for a week; then the same rows by COPY, into the same tables of another
 * database.
 */
export async function measurePlantIngest(): Promise<object> {
  const cluster = await startPostgres({ settings: { shared_buffers: '512MB', max_wal_size: '4GB' } });
  try {
    const url = await cluster.createDatabase('plant');
    const database = await openDatabase({ url }, { clock: realClock });
    const server = await startServer(url);
    try {
      const open = (name: string) => openStation(database, server.url, name);
      await sendAll(await fillWeek(await open('warm-up'), 2000, 0));
      const lines = await Promise.all(Array.from({ length: STATIONS }, (_, index) => open(`line-${index}`)));
      const batches: Delivery[] = [];
      for (const [index, line] of lines.entries()) batches.push(await fillWeek(line, EACH, index + 1));
      const cpu = server.cpuSeconds();
      const sustained = await timed(() => Promise.all(batches.map(sendAll)));
      const serverCpu = server.cpuSeconds() - cpu;
      const records = STATIONS * EACH;
      const week = await fillWeek(await open('away'), WEEK, 9);
      await cluster.psql('CHECKPOINT', 'plant');
      const weekSeconds = await timed(() => sendAll(week));
      const copySeconds = await copyAgain(cluster, 'plant');
      const all = records + WEEK + 2000;
      return {
        records,
        recordsPerSecond: records / sustained,
        serverCpuMicrosecondsPerRecord: (serverCpu / records) * 1e6,
        weekOfflineSeconds: weekSeconds,
        weekRecordsPerSecond: WEEK / weekSeconds,
        copyRecordsPerSecond: all / copySeconds,
        timesCopy: sustained / records / (copySeconds / all),
        weekTimesCopy: weekSeconds / WEEK / (copySeconds / all),
        serverPeakMib: server.memory().peakMib,
      };
    } finally {
      await server.close();
      await database.close();
    }
  } finally {
    await cluster.remove();
  }
}

interface Delivery {
  readonly station: OpenStation;
  readonly batches: readonly Buffer[];
}

/** Mostly passes, a few failures that are tried again; a unit a minute. */
export async function fillWeek(station: OpenStation, records: number, line: number): Promise<Delivery> {
  const { chain } = station;
  for (let at = 0; at < records; at++) {
    const retest = at % 16 === 15;
    const unit = `${line}${String(retest ? at - 1 : at).padStart(6, '0')}`;
    const finishedAt = new Date(Date.parse('2026-10-01T00:00:00Z') + at * 60_000).toISOString();
    chain.add({
      ...(at % 16 === 14 ? FAILED : {}),
      run: crypto.randomUUID(),
      serial: `HB${unit}`,
      // Chips' ids have no order.
      uid: (BigInt(unit) * 0x9e3779b97f4a7c15n).toString(16).slice(-16),
      macs: [macOf(line, at - Number(retest))],
      order: `WO-${Math.floor(at / 1000)}`,
      batch: `LOT-${Math.floor(at / 500)}`,
      finishedAt,
    });
  }
  return { station, batches: await packedBatches(station, 1, BATCH) };
}

/** Of its line alone: an address that another unit passed with would be a finding each time, and COPY finds nothing. */
function macOf(line: number, unit: number): string {
  const bytes = [0x02, 0x00, line, unit >> 16, (unit >> 8) & 0xff, unit & 0xff];
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

export async function sendAll({ station, batches }: Delivery): Promise<void> {
  for (const batch of batches) await station.caller.postPacked('/station/records', batch);
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** Seconds that PostgreSQL takes for what `plant` holds, as rows that are ready. */
async function copyAgain(cluster: Postgres, plant: string): Promise<number> {
  const url = await cluster.createDatabase('copied');
  const prepared = await openDatabase({ url }, { clock: realClock });
  for (const month of ['2026-10-01', '2026-11-01']) await prepared.query('SELECT make_records_month($1)', [month]);
  await prepared.close();
  const source = new Client(cluster.urlOf(plant));
  const target = new Client(cluster.urlOf('copied'));
  await Promise.all([source.connect(), target.connect()]);
  try {
    const rows: { table: string; parts: Buffer[] }[] = [];
    for (const table of TABLES) rows.push({ table, parts: await copyOut(source, table) });
    await cluster.psql('CHECKPOINT', 'plant');
    return await timed(async () => {
      await target.query('BEGIN');
      for (const { table, parts } of rows)
        await pipeline(Readable.from(parts), target.query(copyFrom(`COPY ${table} FROM STDIN`)));
      await target.query('COMMIT');
    });
  } finally {
    await Promise.all([source.end(), target.end()]);
  }
}

async function copyOut(source: Client, table: string): Promise<Buffer[]> {
  const parts: Buffer[] = [];
  const keep = new Writable({
    write(part: Buffer, _encoding, done) {
      parts.push(part);
      done();
    },
  });
  await pipeline(source.query(copyTo(`COPY (SELECT * FROM ${table}) TO STDOUT`)), keep);
  return parts;
}
