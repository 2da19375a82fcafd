import { z } from 'zod';
import type { BatchItem, ChainGap } from '#shared/contract/plant/station-api.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { readRecord, recordHash } from '#shared/model/record-chain.ts';
import { GENESIS_HASH } from '#shared/model/unit-record.ts';
import { type Archived, type ArchiveOptions, archiveRecords } from './archive.ts';
import type { ChainPlace } from './log.ts';
import type { LogDatabase } from './log-database.ts';
import { insertRecord } from './sqlite-unit-log.ts';

export interface Gap {
  readonly first: number;
  readonly last: number;
  /** Of the last. */
  readonly hash: string;
}

export interface Archive {
  /** Name in the folder of archives, and SHA-256 of its bytes. */
  readonly archive: string;
  readonly sha256: string;
  readonly first: number;
  readonly sequence: number;
  readonly hash: string;
}

export interface SafetyState {
  readonly archives: readonly Archive[];
  readonly gaps: readonly Gap[];
  readonly strays: number;
}

export interface Repair {
  /** Records that are in the log again. */
  readonly restored: number;
  /** Why the first item that was not taken was not. */
  readonly refused: string | null;
}

const GapRow = z.object({ first: z.number(), last: z.number(), hash: z.string() });
const ArchiveRow = z.object({
  archive: z.string(),
  sha256: z.string(),
  first: z.number(),
  sequence: z.number(),
  hash: z.string(),
});
const Count = z.object({ count: z.number() });
const Place = z.object({ sequence: z.number(), hash: z.string() });
type Place = z.infer<typeof Place>;

/** What is not in the log, and how it comes back. */
export class LogSafety {
  readonly #database: LogDatabase;

  constructor(database: LogDatabase) {
    this.#database = database;
  }

  async state(): Promise<SafetyState> {
    return {
      archives: this.#database.all(
        ArchiveRow,
        'SELECT archive, sha256, first, sequence, hash FROM anchors ORDER BY sequence',
      ),
      gaps: this.#gaps(),
      strays: this.#database.first(Count, 'SELECT count(*) AS count FROM strays')?.count ?? 0,
    };
  }

  /** Moves old records into archives: see archive.ts. */
  archive(options: ArchiveOptions): Promise<Archived> {
    return archiveRecords(this.#database, options);
  }

  /**
   * Fills gaps, and the chain's lost end, from the plant's copy: items in chain order, as `station.own-records` gives them. An
   * item is taken when its hash is right and it follows what is there. Of a simulated unit the plant has no more than the link:
   * its place stays a gap of one, over which the chain is followed; and so does a gap that the plant has itself.
   */
  async repairFrom(items: readonly BatchItem[]): Promise<Repair> {
    return this.#database.transaction(() => {
      let restored = 0;
      for (const item of items) {
        const taken = this.#take(item);
        if (typeof taken === 'string') return { restored, refused: taken };
        restored += taken;
      }
      return { restored, refused: null };
    });
  }

  async loseEnd(end: ChainPlace, last: ChainPlace): Promise<boolean> {
    return this.#database.transaction(() => {
      const tail = this.#database.first(Place, 'SELECT sequence, hash FROM chain_tail');
      if (tail?.sequence !== end.sequence || tail.hash !== end.hash || last.sequence <= end.sequence) return false;
      const add = 'INSERT INTO gaps (first, last, hash) VALUES (?, ?, ?)';
      this.#database.run(add, end.sequence + 1, last.sequence, last.hash);
      return true;
    });
  }

  async branchAt({ sequence, hash }: ChainPlace): Promise<string> {
    return this.#database.transaction(() => {
      const next = this.#here(sequence + 1) ?? this.#gapEnd(sequence + 1);
      if (this.#here(sequence) !== hash || next === undefined || sequence < 2)
        throw new FlashlineError('internal', { cause: `the log cannot branch after record ${sequence}` });
      const add = 'INSERT INTO branches (sequence, hash, chain) VALUES (?, ?, ?)';
      this.#database.run(add, sequence, hash, next);
      return next;
    });
  }

  /** How many records it brought back: one or none; or why it cannot be taken. */
  #take(item: BatchItem): number | string {
    const read = 'record' in item ? readRecord(item.record) : null;
    if (typeof read === 'string') return read;
    if ('gap' in item) return this.#takeGap(item.gap);
    const place = 'link' in item ? item.link : read?.record;
    if (place === undefined) return 'neither record nor link';
    const { sequence, hash, previousHash } = place;
    if (read !== null && recordHash(read.raw) !== hash) return `record ${sequence} was changed`;
    const there = this.#here(sequence);
    if (there !== undefined)
      return there === hash ? 0 : `record ${sequence} is another one here: ${there}, not ${hash}`;
    const gap = this.#gaps().find(({ first, last }) => first <= sequence && sequence <= last) ?? null;
    const tail = this.#database.first(Place, 'SELECT sequence, hash FROM chain_tail');
    if (gap === null && sequence !== (tail?.sequence ?? 0) + 1)
      return this.#isArchived(sequence) ? 0 : `record ${sequence} follows nothing here`;
    if (gap !== null && gap.first !== sequence) return `record ${gap.first} is missing before ${sequence}`;
    if ((this.#here(sequence - 1) ?? this.#gapEnd(sequence - 1) ?? GENESIS_HASH) !== previousHash)
      return `record ${sequence} does not follow the one before it`;
    if (gap?.last === sequence && gap.hash !== hash)
      return `record ${sequence} is not the one that is missing: ${gap.hash}`;
    if (read !== null) this.#insert({ ...read.record, ...read.raw });
    this.#narrow(gap, place, read === null);
    return read === null ? 0 : 1;
  }

  /** What the plant lost too stays lost; around it more may come back. */
  #takeGap({ first, last, previousHash, hash }: ChainGap): 0 | string {
    const gap = this.#gaps().find((each) => each.first === first && each.last >= last);
    if (gap === undefined) return 0;
    if ((this.#here(first - 1) ?? this.#gapEnd(first - 1) ?? GENESIS_HASH) !== previousHash)
      return `the plant’s gap from ${first} does not follow the record before it`;
    if (gap.last > last) this.#narrow(gap, { sequence: last, hash }, true);
    return 0;
  }

  #insert(record: Parameters<typeof insertRecord>[1]): void {
    const { run, sequence } = record;
    this.#database.run("INSERT OR IGNORE INTO runs (run, opening, owner) VALUES (?, '{}', '{}')", run);
    insertRecord(this.#database, record);
    this.#database.run('UPDATE runs SET record = ? WHERE run = ? AND record IS NULL', sequence, run);
    this.#database.run('DELETE FROM outbox WHERE sequence = ?', sequence);
  }

  /** The order is the triggers': no piece of a gap goes before what takes its place is there. */
  #narrow(gap: Gap | null, { sequence, hash }: Place, isLink: boolean): void {
    const add = 'INSERT INTO gaps (first, last, hash) VALUES (?, ?, ?)';
    if (gap === null) {
      if (isLink) this.#database.run(add, sequence, sequence, hash);
      return;
    }
    if (isLink && gap.last === sequence) return;
    if (gap.last > sequence) this.#database.run(add, sequence + 1, gap.last, gap.hash);
    this.#database.run('DELETE FROM gaps WHERE first = ?', gap.first);
    if (isLink) this.#database.run(add, gap.first, sequence, hash);
  }

  #gaps(): Gap[] {
    return this.#database.all(GapRow, 'SELECT first, last, hash FROM gaps ORDER BY first');
  }

  #here(sequence: number): string | undefined {
    const sql = `SELECT sequence, hash FROM records WHERE sequence = ?
      UNION ALL SELECT sequence, hash FROM anchors WHERE sequence = ?`;
    return this.#database.first(Place, sql, sequence, sequence)?.hash;
  }

  #gapEnd(sequence: number): string | undefined {
    const sql = 'SELECT last AS sequence, hash FROM gaps WHERE last = ?';
    return this.#database.first(Place, sql, sequence)?.hash;
  }

  #isArchived(sequence: number): boolean {
    return this.#database.first(z.unknown(), 'SELECT 1 FROM anchors WHERE sequence >= ?', sequence) !== undefined;
  }
}
