import Sqlite from 'better-sqlite3';
import { array, assert, asyncProperty, boolean, integer } from '#test/support/fast-check.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BatchItem, type ChainHead } from '#shared/contract/plant/station-api.ts';
import { chainFault, canonicalJson, recordHash } from '#shared/model/record-chain.ts';
import { GENESIS_HASH } from '#shared/model/unit-record.ts';
import { openLogDatabase } from '#main/log/log-database.ts';
import { SqliteOutbox } from '#main/log/sqlite-outbox.ts';
import { SqliteUnitLog } from '#main/log/sqlite-unit-log.ts';
import { draft, opening, standingClock, temporaryFolder, Village } from './fixtures.ts';

let folder: ReturnType<typeof temporaryFolder>;
let count = 0;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

/** One record each: true for the bench's units. */
async function outboxOf(simulated: readonly boolean[]) {
  count += 1;
  const file = `${folder.path}/${count}.db`;
  const database = openLogDatabase({ file, clock: standingClock(), warn: () => undefined });
  const log = new SqliteUnitLog(database, { clock: standingClock(), processes: new Village(1) });
  for (const [index, bench] of simulated.entries()) {
    await log.begin(opening(`r${index}`));
    const finishedAt = new Date(Date.UTC(2026, 0, 1 + index)).toISOString();
    await log.finish(draft(`r${index}`, { finishedAt, ...(bench ? { probe: 'bench:nrf52840' } : {}) }));
  }
  return { outbox: new SqliteOutbox(database), log };
}

const placeOf = (item: BatchItem): Pick<ChainHead, 'sequence' | 'hash'> & { previousHash: string } => {
  const members: Readonly<Record<string, unknown>> =
    'gap' in item ? { ...item.gap, sequence: item.gap.last } : 'link' in item ? item.link : item.record;
  return {
    sequence: Number(members['sequence']),
    hash: String(members['hash']),
    previousHash: String(members['previousHash']),
  };
};

const ALL = { records: 1000, bytes: 1e9 };

describe('items of the outbox', () => {
  it('follow the chain from anywhere, whole, with no record of the bench, within their limits', async () => {
    await assert(
      asyncProperty(
        array(boolean(), { minLength: 1, maxLength: 30 }),
        integer({ min: 1, max: 9 }),
        integer({ min: 1, max: 6000 }),
        async (simulated, records, bytes) => {
          const { outbox, log } = await outboxOf(simulated);
          const items: BatchItem[] = [];
          for (let after = 0; ;) {
            const batch = await outbox.items(after, { records, bytes });
            if (batch.length === 0) break;
            const sizes = batch.map((item) => canonicalJson(Object.values(item)[0] ?? {}).length);
            expect(batch.length).toBeLessThanOrEqual(records);
            expect(batch.length === 1 || sizes.reduce((sum, size) => sum + size, 0) <= bytes).toBe(true);
            items.push(...batch.map((item) => BatchItem.parse(item)));
            after = items.length;
          }
          expect(items.map((item) => 'link' in item)).toEqual(simulated);
          let previous = { sequence: 0, hash: GENESIS_HASH };
          for (const item of items) {
            const place = placeOf(item);
            expect(place).toMatchObject({ sequence: previous.sequence + 1, previousHash: previous.hash });
            expect('record' in item ? recordHash(item.record) : place.hash).toBe(place.hash);
            previous = place;
          }
          expect(await outbox.head()).toEqual({ ...last(previous), chain: items.slice(0, 1).map(placeOf)[0]?.hash });
          await log.close();
        },
      ),
      { numRuns: 30 },
    );
  });

  it('are records as they are kept: whoever gets them can follow the chain', async () => {
    const { outbox, log } = await outboxOf([false, false]);
    const bodies = (await outbox.items(0, ALL)).map((item) => ('record' in item ? canonicalJson(item.record) : ''));
    expect(chainFault(bodies[0] ?? '', null)).toBeNull();
    expect(chainFault(bodies[1] ?? '', placeOf({ record: JSON.parse(bodies[0] ?? '') }))).toBeNull();
    await log.close();
  });
});

const last = ({ sequence, hash }: { sequence: number; hash: string }) => ({ sequence, hash });

describe('over what a damaged file lost', () => {
  /** As a salvage leaves it. */
  async function damaged(...lost: readonly (readonly [number, number])[]) {
    const { outbox, log } = await outboxOf(Array.from({ length: 9 }, () => false));
    const whole = await outbox.items(0, ALL);
    const hashes = [GENESIS_HASH, ...whole.map((item) => placeOf(item).hash)];
    await log.close();
    const file = `${folder.path}/${count}.db`;
    const raw = new Sqlite(file);
    raw.exec('PRAGMA foreign_keys = OFF; DROP TRIGGER records_kept');
    for (const [first, last] of lost) {
      raw.prepare('DELETE FROM outbox WHERE sequence BETWEEN ? AND ?').run(first, last);
      raw.prepare('DELETE FROM records WHERE sequence BETWEEN ? AND ?').run(first, last);
      raw.prepare('INSERT INTO gaps VALUES (?, ?, ?)').run(first, last, hashes[last]);
    }
    raw.close();
    const database = openLogDatabase({ file, clock: standingClock(), warn: () => undefined });
    const gap = (first: number, last: number) => ({
      gap: { first, last, previousHash: hashes[first - 1], hash: hashes[last] },
    });
    return { outbox: new SqliteOutbox(database), database, whole, gap, hashes };
  }

  it('the chain goes on, from before, from within and from behind a gap, within the limits', async () => {
    const { outbox, database, whole, gap } = await damaged([3, 4], [5, 5], [8, 9]);
    const all = [...whole.slice(0, 2), gap(3, 4), gap(5, 5), ...whole.slice(5, 7), gap(8, 9)];
    expect(await outbox.items(0, ALL)).toEqual(all);
    expect(await outbox.items(2, ALL)).toEqual(all.slice(2));
    expect(await outbox.items(3, ALL)).toEqual(all.slice(2));
    expect(await outbox.items(4, ALL)).toEqual(all.slice(3));
    expect(await outbox.items(8, ALL)).toEqual(all.slice(-1));
    expect(await outbox.items(9, ALL)).toEqual([]);
    expect(await outbox.items(1, { records: 3, bytes: 1e9 })).toEqual(all.slice(1, 4));
    expect(await outbox.items(2, { records: 9, bytes: 10 })).toEqual(all.slice(2, 3));
    database.close();
  });

  it('a chain whose first records are lost has a name all the same', async () => {
    const { outbox, database, gap, hashes } = await damaged([1, 3]);
    expect((await outbox.items(0, ALL))[0]).toEqual(gap(1, 3));
    expect(await outbox.head()).toEqual({ chain: hashes[3], sequence: 9, hash: hashes[9] });
    database.close();
  });
});

describe('acknowledging', () => {
  it('takes records off, once and for all, and never beyond the end', async () => {
    const { outbox, log } = await outboxOf([false, true, false, false]);
    expect(await outbox.pending()).toEqual({ records: 3, oldestAt: '2026-01-01T00:00:00.000Z' });
    await outbox.acknowledge(2);
    expect(await outbox.pending()).toEqual({ records: 2, oldestAt: '2026-01-03T00:00:00.000Z' });
    await outbox.acknowledge(2);
    await outbox.acknowledge(1);
    expect(await outbox.pending()).toMatchObject({ records: 2 });
    await expect(outbox.acknowledge(5)).rejects.toThrow('internal');
    expect(await outbox.pending()).toMatchObject({ records: 2 });
    await outbox.acknowledge(4);
    expect(await outbox.pending()).toEqual({ records: 0, oldestAt: null });
    // What was acknowledged can still be sent again: the plant may have been restored to an older state.
    expect(await outbox.items(0, ALL)).toHaveLength(4);
    expect((await log.verify()).fault).toBeNull();
    await log.close();
  });

  it('has nothing to do for a log without records', async () => {
    const { outbox, log } = await outboxOf([]);
    expect(await outbox.head()).toBeNull();
    expect(await outbox.items(0, ALL)).toEqual([]);
    await outbox.acknowledge(0);
    expect(await outbox.pending()).toEqual({ records: 0, oldestAt: null });
    await log.close();
  });
});
