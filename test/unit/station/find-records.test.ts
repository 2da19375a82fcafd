import { describe, expect, it } from 'vitest';
import type { RecordQuery } from '#main/log/log.ts';
import { findRecords } from '#main/station/find-records.ts';
import { sealRecord } from '#shared/model/record-chain.ts';
import type { UnitRecord } from '#shared/model/unit-record.ts';
import { draft } from '../log/fixtures.ts';

const SHA = 'ab'.repeat(32);

/** A log that has records for one kind of query only, and remembers what it was asked. */
function logOf(holds: (query: RecordQuery) => boolean, count = 3) {
  const asked: RecordQuery[] = [];
  const records: UnitRecord[] = [];
  for (let n = 0; n < count; n++) records.push(sealRecord(draft(`r${n}`), records.at(-1) ?? null));
  return {
    asked,
    async records(query: RecordQuery) {
      asked.push(query);
      if (!holds(query)) return [];
      return records
        .toReversed()
        .filter(({ sequence }) => sequence < (query.before ?? Number.POSITIVE_INFINITY))
        .slice(0, query.limit);
    },
  };
}

const find = (log: ReturnType<typeof logOf>, text: string) => findRecords(log, { text, limit: 10 });

describe('finding records by what was scanned', () => {
  it('is the newest of all for nothing', async () => {
    expect(await find(logOf(() => true), '  ')).toMatchObject({ by: 'newest', next: null });
  });

  it('takes a serial before a hardware id, an order and a batch', async () => {
    expect((await find(logOf(() => true), 'X1')).by).toBe('serial');
    expect((await find(logOf(({ uid }) => uid === 'X1'), 'X1')).by).toBe('uid');
    expect((await find(logOf(({ facet }) => facet?.kind === 'order' && facet.value === 'X1'), 'X1')).by).toBe('order');
    expect((await find(logOf(({ facet }) => facet?.kind === 'batch'), 'X1')).by).toBe('batch');
    expect(await find(logOf(() => false), 'X1')).toEqual({ by: 'nothing', records: [], next: null });
  });

  it('knows a hash and a MAC by their form, however they are written', async () => {
    const image = logOf(({ facet }) => facet?.kind === 'image' && facet.value === SHA);
    expect((await find(image, SHA.toUpperCase())).by).toBe('image');
    const mac = logOf(({ facet }) => facet?.kind === 'mac' && facet.value === '02:00:5e:00:53:01');
    for (const written of ['02005E005301', '02-00-5e-00-53-01', '02:00:5E:00:53:01'])
      expect((await find(mac, written)).by).toBe('mac');
  });

  it('goes on with the next page of the same finding', async () => {
    const log = logOf(({ uid }) => uid === 'U');
    const first = await findRecords(log, { text: 'U', limit: 2 });
    expect(first).toMatchObject({ by: 'uid', next: 2 });
    const second = await findRecords(log, { text: 'U', limit: 2, before: first.next ?? 0 });
    expect(second.records.map(({ sequence }) => sequence)).toEqual([1]);
    expect(second).toMatchObject({ by: 'uid', next: null });
  });
});
