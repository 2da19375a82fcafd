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

const anything = (): boolean => true;
const nothing = (): boolean => false;
const withFacet =
  (kind: string, value = 'X1') =>
  ({ facet }: RecordQuery): boolean =>
    facet?.kind === kind && facet.value === value;

describe('finding records by what was scanned', () => {
  it('is the newest of all for nothing', async () => {
    expect(await find(logOf(anything), '  ')).toMatchObject({ by: 'newest', next: null });
  });

  it.each([
    ['serial', anything],
    ['uid', ({ uid }: RecordQuery) => uid === 'X1'],
    ['order', withFacet('order')],
    ['batch', withFacet('batch')],
    ['nothing', nothing],
  ])('takes a serial before a hardware id, an order and a batch: %s', async (by, holds) => {
    expect((await find(logOf(holds), 'X1')).by).toBe(by);
  });

  it('knows a hash and a MAC by their form, however they are written', async () => {
    const image = logOf(withFacet('image', SHA));
    expect((await find(image, SHA.toUpperCase())).by).toBe('image');
    const mac = logOf(withFacet('mac', '02:00:5e:00:53:01'));
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
