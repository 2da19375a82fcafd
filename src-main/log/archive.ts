import { once } from 'node:events';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, mkdirSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { finished } from 'node:stream/promises';
import { createZstdCompress } from 'node:zlib';
import { z } from 'zod';
import { FlashlineError } from '#shared/model/failure.ts';
import { DEFAULT_PROCESS } from '#shared/model/unit-record.ts';
import { syncFolder } from './durable-file.ts';
import type { LogDatabase } from './log-database.ts';
import { asLogFailure } from './sqlite-error.ts';

export interface ArchiveOptions {
  /** The folder of archives. */
  readonly folder: string;
  /** Records that finished before this (UTC, ISO 8601). */
  readonly before: string;
  /** UTC, ISO 8601. */
  readonly at: string;
}

export interface Archived {
  readonly records: number;
  readonly files: readonly string[];
}

/** In one file and in one transaction, which the station waits for: some hundred milliseconds. */
const BATCH = 2000;

const Tail = z.object({ sequence: z.number(), hash: z.string() });
const End = z.object({ end: z.number().nullable() });
const Chain = z.object({ chain: z.string() });
const Row = z.object({ sequence: z.number(), run: z.string(), body: z.string() });
const Entry = z.object({ entry: z.string() });

/**
 * Moves the oldest records, a prefix of the chain, into files: everything that finished before a moment, that the plant has
 * acknowledged, and that no operator still has to look at; never the newest record. A file is on the disk and was read back
 * before its records go, and an anchor stays in their place, on which the chain is followed on. Each signed head after an
 * anchor vouches for it: every record names the one before it.
 */
export async function archiveRecords(database: LogDatabase, options: ArchiveOptions): Promise<Archived> {
  const files: string[] = [];
  let records = 0;
  try {
    mkdirSync(options.folder, { recursive: true, mode: 0o700 });
    for (;;) {
      const batch = await archiveBatch(database, options);
      if (batch === null) return { records, files };
      files.push(batch.file);
      records += batch.records;
    }
  } catch (thrown) {
    throw asLogFailure(thrown, options.folder);
  }
}

async function archiveBatch(
  database: LogDatabase,
  { folder, before, at }: ArchiveOptions,
): Promise<{ file: string; records: number } | null> {
  const start =
    database.first(Tail, 'SELECT sequence, hash FROM anchors ORDER BY sequence DESC LIMIT 1')?.sequence ?? 0;
  const last = Math.min(start + BATCH, lastToArchive(database, before));
  const end = database.first(Tail, 'SELECT sequence, hash FROM records WHERE sequence = ?', last);
  const chain = database.first(Chain, 'SELECT chain FROM chain_name')?.chain;
  if (last <= start || end === undefined || chain === undefined) return null;
  const head = { archive: 'flashline-records', schema: 1, chain, first: start + 1, last, hash: end.hash };
  const file = join(folder, `records-${start + 1}-to-${last}-${end.hash.slice(0, 8)}.jsonl.zst`);
  const sha256 = await writeArchive(file, head, linesOf(database, start, last));
  const params = [end.sequence, end.hash, chain, start + 1, basename(file), sha256, at];
  removeArchived(database, start, last, params);
  return { file, records: last - start };
}

/** The end of the prefix: one before the first record that has to stay. */
function lastToArchive(database: LogDatabase, before: string): number {
  const { end } = database.first(
    End,
    `SELECT min(stays) - 1 AS end FROM (
       SELECT max(sequence) AS stays FROM records
       UNION ALL SELECT min(sequence) FROM records WHERE finished_at >= ?
       UNION ALL SELECT min(sequence) FROM outbox
       UNION ALL SELECT min(first) FROM gaps
       UNION ALL SELECT min(sequence) FROM records WHERE verdict = 'INTERRUPTED'
         AND sequence NOT IN (SELECT sequence FROM acknowledgements))`,
    before,
  ) ?? { end: null };
  return end ?? 0;
}

/** A record and its journal a line, the record as it was hashed. */
function* linesOf(database: LogDatabase, start: number, last: number): Generator<string> {
  for (let sequence = start + 1; sequence <= last; sequence++) {
    const row = database.first(Row, 'SELECT sequence, run, body FROM records WHERE sequence = ?', sequence);
    if (row === undefined) throw new FlashlineError('internal', { cause: `record ${sequence} is not there` });
    const journal = database.all(Entry, 'SELECT entry FROM journal WHERE run = ? ORDER BY id', row.run);
    yield `{"record":${row.body},"journal":[${journal.map(({ entry }) => entry).join(',')}]}\n`;
  }
}

/** Returns the SHA-256 of the file's bytes, as they were read back. */
async function writeArchive(file: string, head: object, lines: Iterable<string>): Promise<string> {
  const half = `${file}.part`;
  try {
    const out = createWriteStream(half, { mode: 0o600, flush: true });
    const compress = createZstdCompress();
    const written = finished(compress.pipe(out));
    const failed = new Promise<never>((_, reject) => out.once('error', reject));
    failed.catch(() => undefined);
    const hash = createHash('sha256');
    compress.on('data', (bytes: Buffer) => hash.update(bytes));
    compress.write(`${JSON.stringify(head)}\n`);
    for (const line of lines) if (!compress.write(line)) await Promise.race([once(compress, 'drain'), failed]);
    compress.end();
    await written;
    const sha256 = hash.digest('hex');
    const there = createHash('sha256');
    for await (const bytes of createReadStream(half)) there.update(bytes);
    if (there.digest('hex') !== sha256)
      throw new FlashlineError('log-unwritable', {
        params: { file: half },
        cause: 'what was read back is not what was written',
      });
    renameSync(half, file);
    syncFolder(join(file, '..'));
    return sha256;
  } finally {
    rmSync(half, { force: true });
  }
}

function removeArchived(database: LogDatabase, start: number, last: number, anchor: (string | number)[]): void {
  const range = [start, last];
  database.transaction(() => {
    // Checked once more where it counts: the anchor's trigger refuses it where somebody still waits for one of the records.
    database.run(
      'INSERT INTO anchors (sequence, hash, chain, first, archive, sha256, made_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
      ...anchor,
    );
    database.sqlite.pragma('defer_foreign_keys = ON');
    for (const sql of [
      `INSERT OR IGNORE INTO archived_passes
       SELECT simulated, product, serial, coalesce(json_extract(body, '$.process'), '${DEFAULT_PROCESS}'),
         uid, run, sequence, finished_at
       FROM records WHERE verdict = 'PASS' AND sequence > ? AND sequence <= ?`,
      'DELETE FROM journal WHERE run IN (SELECT run FROM records WHERE sequence > ? AND sequence <= ?)',
      'DELETE FROM acknowledgements WHERE sequence > ? AND sequence <= ?',
      'DELETE FROM facets WHERE sequence > ? AND sequence <= ?',
      'DELETE FROM runs WHERE record > ? AND record <= ?',
      'DELETE FROM records WHERE sequence > ? AND sequence <= ?',
    ])
      database.run(sql, ...range);
  });
}
