import { z } from 'zod';
import type { BatchItem, ChainHead } from '#shared/contract/plant/station-api.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { GENESIS_HASH } from '#shared/model/unit-record.ts';
import type { Outbox } from './log.ts';
import type { LogDatabase } from './log-database.ts';

const Pending = z.object({ records: z.number() });
const Oldest = z.object({ finished_at: z.string() });
const Branch = z.object({ sequence: z.number(), hash: z.string() });
const Head = z.object({ chain: z.string(), sequence: z.number(), hash: z.string() });
const Item = z.object({
  /** Of a gap; null for a record. */
  first: z.number().nullable(),
  sequence: z.number(),
  hash: z.string(),
  previous: z.string().nullable(),
  /** Null for a simulated unit's, which never leaves the station, and for a gap. */
  body: z.string().nullable(),
});

/** In the chain's order: both halves are in it by their keys. */
const ITEMS = `
  SELECT sequence AS place, NULL AS first, sequence, hash, iif(simulated, NULL, body) AS body,
    iif(simulated, json_extract(body, '$.previousHash'), NULL) AS previous
  FROM records WHERE sequence > ?
  UNION ALL
  SELECT first, first, last, hash, NULL, coalesce(
    (SELECT hash FROM records WHERE sequence = lost.first - 1),
    (SELECT hash FROM gaps WHERE last = lost.first - 1),
    (SELECT hash FROM anchors WHERE sequence = lost.first - 1))
  FROM gaps AS lost WHERE last > ?
  ORDER BY place LIMIT ?`;

const Members = z.record(z.string(), z.unknown());

/** Rows of the log on their way to the plant. A row of `outbox` goes when the plant has its record on disk. */
export class SqliteOutbox implements Outbox {
  readonly #database: LogDatabase;

  constructor(database: LogDatabase) {
    this.#database = database;
  }

  async pending(): Promise<{ readonly records: number; readonly oldestAt: string | null }> {
    const { records } = this.#database.first(Pending, 'SELECT count(*) AS records FROM outbox') ?? { records: 0 };
    const oldest = this.#database.first(
      Oldest,
      'SELECT finished_at FROM records WHERE sequence = (SELECT min(sequence) FROM outbox)',
    );
    return { records, oldestAt: oldest?.finished_at ?? null };
  }

  async head(): Promise<ChainHead | null> {
    return this.#head();
  }

  async items(
    after: number,
    limits: { readonly records: number; readonly bytes: number },
  ): Promise<readonly BatchItem[]> {
    const before = this.#beforeBranch(after);
    const items: BatchItem[] = before === null ? [] : [before.item];
    let bytes = 0;
    let end = before?.last ?? after;
    this.#database.each(
      Item,
      (row) => {
        // What is in an archive cannot be sent any more; where the plant is inside a gap, all of that gap is told.
        if ((row.first ?? row.sequence) > end + 1) return false;
        const { item, json } = itemOf(row);
        bytes += Buffer.byteLength(json);
        if (items.length > 0 && bytes > limits.bytes) return false;
        items.push(item);
        end = row.sequence;
        return bytes < limits.bytes;
      },
      ITEMS,
      end,
      end,
      limits.records - items.length,
    );
    return items;
  }

  /** All that the plant has under the log's old name. */
  #beforeBranch(after: number): { readonly item: BatchItem; readonly last: number } | null {
    const sql = 'SELECT sequence, hash FROM branches ORDER BY sequence DESC LIMIT 1';
    const branch = this.#database.first(Branch, sql);
    if (branch === undefined || after >= branch.sequence) return null;
    const { sequence: last, hash } = branch;
    return { item: { gap: { first: 1, last, previousHash: GENESIS_HASH, hash } }, last };
  }

  async acknowledge(through: number): Promise<void> {
    this.#database.transaction(() => {
      const end = this.#head()?.sequence ?? 0;
      if (through > end) {
        const cause = `acknowledged up to ${through}, but the chain ends at ${end}`;
        throw new FlashlineError('internal', { cause });
      }
      this.#database.run('DELETE FROM outbox WHERE sequence <= ?', through);
    });
  }

  #head(): ChainHead | null {
    const head = this.#database.first(
      Head,
      'SELECT (SELECT chain FROM chain_name) AS chain, sequence, hash FROM chain_tail WHERE chain IS NOT NULL',
    );
    return head ?? null;
  }
}

function itemOf({ first, sequence, hash, previous, body }: z.infer<typeof Item>): { item: BatchItem; json: string } {
  if (body !== null) return { item: { record: Members.parse(JSON.parse(body)) }, json: body };
  const previousHash = previous ?? GENESIS_HASH;
  if (first !== null) {
    const gap = { first, last: sequence, previousHash, hash };
    return { item: { gap }, json: JSON.stringify(gap) };
  }
  const link = { sequence, previousHash, hash };
  return { item: { link }, json: JSON.stringify(link) };
}
