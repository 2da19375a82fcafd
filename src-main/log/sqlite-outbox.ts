import { z } from 'zod';
import type { BatchItem, ChainHead } from '#shared/contract/plant/station-api.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { GENESIS_HASH } from '#shared/model/unit-record.ts';
import type { Outbox } from './log.ts';
import type { LogDatabase } from './log-database.ts';

const Pending = z.object({ records: z.number() });
const Oldest = z.object({ finished_at: z.string() });
const Head = z.object({ chain: z.string(), sequence: z.number(), hash: z.string() });
const Item = z.object({
  sequence: z.number(),
  hash: z.string(),
  previous: z.string().nullable(),
  /** Null for a simulated unit's, which never leaves the station. */
  body: z.string().nullable(),
});

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
    const items: BatchItem[] = [];
    let bytes = 0;
    this.#database.each(
      Item,
      (row) => {
        // What a damaged file lost is in the way until it is back.
        if (row.sequence !== after + items.length + 1) return false;
        const { item, json } = itemOf(row);
        bytes += Buffer.byteLength(json);
        if (items.length > 0 && bytes > limits.bytes) return false;
        items.push(item);
        return bytes < limits.bytes;
      },
      `SELECT sequence, hash, iif(simulated, NULL, body) AS body,
         iif(simulated, json_extract(body, '$.previousHash'), NULL) AS previous
       FROM records WHERE sequence > ? ORDER BY sequence LIMIT ?`,
      after,
      limits.records,
    );
    return items;
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

function itemOf({ sequence, hash, previous, body }: z.infer<typeof Item>): { item: BatchItem; json: string } {
  if (body !== null) return { item: { record: Members.parse(JSON.parse(body)) }, json: body };
  const link = { sequence, previousHash: previous ?? GENESIS_HASH, hash };
  return { item: { link }, json: JSON.stringify(link) };
}
