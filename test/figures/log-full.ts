import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { chainFault, canonicalJson } from '#shared/model/record-chain.ts';
import { GENESIS_HASH, type UnitRecord } from '#shared/model/unit-record.ts';
import { Prng } from '#main/bench/prng.ts';
import { realClock } from '#main/app/real-clock.ts';
import { type LogDatabase, openLogDatabase } from '#main/log/log-database.ts';
import { insertRecord } from '#main/log/sqlite-unit-log.ts';

/** 10,000 records to a shift of eight hours. */
export const SHIFT_RECORDS = 10_000;
const RECORD_MS = (8 * 3_600_000) / SHIFT_RECORDS;
const BEGINS = Date.UTC(2026, 0, 5);

/** UTC, ISO 8601: when the record at this place (from 0) was finished. */
export const finishedAt = (index: number): string => new Date(BEGINS + index * RECORD_MS).toISOString();
export const serialOf = (index: number): string => `HB${String(index).padStart(8, '0')}`;

/** Entries of each old run's journal; a run of the demo has ten. */
const JOURNAL = [
  '{"kind":"identified","locks":{"APPROTECT":"0xFFFFFFFF"},"uid":"0011223344556677"}',
  '{"kind":"step","ms":23.5,"step":"connect"}',
  '{"at":"2026-01-05T00:00:00.000Z","kind":"change","operation":"{\\"op\\":\\"erase\\",\\"address\\":0,\\"size\\":45056}"}',
  '{"kind":"step","ms":424.25,"step":"program"}',
  '{"at":"2026-01-05T00:00:01.000Z","kind":"change","operation":"{\\"op\\":\\"validate\\",\\"address\\":0}"}',
  '{"kind":"step","ms":60,"step":"verify"}',
];

/**
 * A station's home whose log holds this many sealed records with runs, journals and all that they are found by: written in bulk,
 * once, and kept in the system's folder for temporary files under a digest of this file. A newer Flashline migrates it like any.
 */
export function fullLogHome(records: number): string {
  const digest = createHash('sha256')
    .update(readFileSync(import.meta.filename))
    .update(String(records))
    .digest('hex');
  const home = join(tmpdir(), `flashline-figures-${digest.slice(0, 16)}`);
  if (existsSync(join(home, 'station.db'))) return home;
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  const file = join(home, 'unfinished.db');
  const database = openLogDatabase({ file, clock: realClock, warn: () => undefined });
  fill(database, records);
  database.close();
  renameSync(file, join(home, 'station.db'));
  return home;
}

const Schema = z.object({ name: z.string(), sql: z.string() });

/** Nothing of a half-made file is used, so nothing of it needs to be safe; indexes are built once, at the end. */
function fill(database: LogDatabase, count: number): void {
  const { sqlite } = database;
  for (const pragma of [
    'journal_mode = DELETE',
    'journal_mode = OFF',
    'synchronous = OFF',
    'foreign_keys = OFF',
    'cache_size = -500000',
  ])
    sqlite.pragma(pragma);
  const indexes = database.all(Schema, "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL");
  for (const { name } of indexes) sqlite.exec(`DROP INDEX ${name}`);
  const random = new Prng(1);
  let previous: UnitRecord | null = null;
  for (let from = 0; from < count; from += SHIFT_RECORDS)
    database.transaction(() => {
      for (let index = from; index < Math.min(count, from + SHIFT_RECORDS); index++) {
        const record: UnitRecord = sealedRecord(index, previous, random);
        insertRecord(database, record);
        if (index % SHIFT_RECORDS === 0) requireReal(record, previous);
        database.run('INSERT INTO runs VALUES (?, ?, ?, ?)', record.run, '{}', '{}', record.sequence);
        previous = record;
      }
    });
  sqlite.exec(`INSERT INTO journal (run, entry) SELECT run, value FROM
    (SELECT run FROM records ORDER BY sequence) CROSS JOIN json_each('[${JOURNAL.map((entry) => JSON.stringify(entry)).join(',')}]')`);
  for (const { sql } of indexes) sqlite.exec(sql);
  // The plant has all but the newest.
  database.run('DELETE FROM outbox WHERE sequence <= ?', count - 1000);
  sqlite.pragma('journal_mode = WAL');
}

/** The quick way below must come to what the station itself would have written. */
function requireReal(record: UnitRecord, previous: UnitRecord | null): void {
  const fault = chainFault(canonicalJson(record), previous);
  if (fault !== null) throw new Error(fault);
}

/** Every fiftieth unit fails and is tried again at once. Members stand in canonical order: JSON.stringify writes them so. */
function sealedRecord(index: number, previous: UnitRecord | null, random: Prng): UnitRecord {
  const failed = index % 50 === 17;
  const unit = index % 50 === 18 ? index - 1 : index;
  const readBack = (hash: string) => (failed ? null : hash);
  const before = {
    appVersion: '0.1.0',
    batch: `lot ${Math.floor(index / 5000)}`,
    bytesSkipped: 0,
    bytesWritten: 82_488,
    chip: 'nrf52840',
    failure: failed ? FAILURE : null,
    finishedAt: finishedAt(index),
  };
  const after = {
    images: IMAGES.map(({ address, role, sha256 }) => ({
      address,
      role,
      sha256: { expected: sha256, readBack: readBack(sha256) },
      size: 41_244,
      version: '1.0.0',
    })),
    locks: { APPROTECT: '0xFFFFFFFF' },
    macs: [macOf(unit)],
    operator: 'operator',
    order: `order ${Math.floor(index / 50_000)}`,
    previousHash: previous?.hash ?? GENESIS_HASH,
    probe: 'cmsis-dap:E6614103E7452D2F',
    product: { id: 'hello-nrf52840', name: 'Hello board', revision: 'A' },
    release: String(Math.floor(index / 200_000)).repeat(64),
    rework: false,
    run: Array.from({ length: 4 }, () => (random.next() >>> 0).toString(16).padStart(8, '0')).join(''),
    schema: 1 as const,
    sequence: index + 1,
    serial: serialOf(unit),
    signingKeys: ['flashline-release-2026'],
    slot: String((index % 4) + 1),
    startedAt: finishedAt(index - 1),
    station: 'line-1',
    steps: STEPS,
    uid: `${(unit * 2_654_435_761) % 4_294_967_296}`.padStart(16, '0'),
    verdict: failed ? ('FAIL' as const) : ('PASS' as const),
  };
  const hash = createHash('sha256')
    .update(JSON.stringify({ ...before, ...after }))
    .digest('hex');
  return { ...before, hash, ...after };
}

const FAILURE = {
  blame: 'unit',
  code: 'verify-mismatch',
  params: { address: '0x1000', expected: '0x00', found: '0x01' },
  where: { address: 4096 },
} as const;
const IMAGES = [
  { address: 0, role: 'bootloader', sha256: '0b'.repeat(32) },
  { address: 0x1000, role: 'application', sha256: '1b'.repeat(32) },
] as const;
const STEPS = ['connect', 'identify', 'survey', 'program', 'verify', 'validate', 'start'].map((step) => ({
  ms: 23.5,
  step,
}));

function macOf(unit: number): string {
  const digits = unit.toString(16).padStart(6, '0');
  return ['02:00:5e', ...(digits.match(/../g) ?? [])].join(':');
}
