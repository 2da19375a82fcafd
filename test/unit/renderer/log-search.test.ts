import { describe, expect, it } from 'vitest';
import { createLogSearch } from '#renderer/stores/log-search.ts';
import type { LogFindings } from '#shared/contract/station.ts';
import { sealRecord } from '#shared/model/record-chain.ts';
import type { UnitRecord } from '#shared/model/unit-record.ts';
import { draft } from '../log/fixtures.ts';

const all: UnitRecord[] = [];
for (const run of ['a', 'b', 'c', 'd', 'e']) all.push(sealRecord(draft(run), all.at(-1) ?? null));
const newest = all.toReversed();

const page = (before = Number.POSITIVE_INFINITY): LogFindings => {
  const found = newest.filter(({ sequence }) => sequence < before);
  return { by: 'newest', records: found.slice(0, 2), next: found.length > 2 ? (found[1]?.sequence ?? null) : null };
};

describe('the log page’s search', () => {
  it('shows the newest first, page after page, each record once', async () => {
    const log = createLogSearch(async ({ before }) => page(before));
    await log.search('');
    expect(log.store.getState().selected).toBe(5);
    await log.more();
    await log.more();
    await log.more();
    expect(log.store.getState().records.map(({ sequence }) => sequence)).toEqual([5, 4, 3, 2, 1]);
    expect(log.store.getState().selected).toBe(5);
  });

  it('moves its choice within the list and not beyond', async () => {
    const log = createLogSearch(async () => page());
    await log.search('');
    log.move(1);
    log.move(1);
    expect(log.store.getState().selected).toBe(4);
    log.move(-9);
    expect(log.store.getState().selected).toBe(5);
  });

  it('keeps the last search’s answer when an earlier one comes late', async () => {
    const answers: ((found: LogFindings) => void)[] = [];
    const log = createLogSearch(() => new Promise((resolve) => answers.push(resolve)));
    const first = log.search('slow');
    const second = log.search('fast');
    answers[1]?.({ by: 'serial', records: newest.slice(0, 1), next: null });
    answers[0]?.({ by: 'nothing', records: [], next: null });
    await Promise.all([first, second]);
    expect(log.store.getState()).toMatchObject({ text: 'fast', by: 'serial', selected: 5, busy: false });
  });

  it('keeps what it shows and says why when a search fails', async () => {
    let fails = false;
    const log = createLogSearch(async () => {
      if (fails) throw new Error('disk');
      return page();
    });
    await log.search('');
    fails = true;
    await log.search('HB000001');
    expect(log.store.getState()).toMatchObject({ busy: false, failure: { code: 'internal' } });
    expect(log.store.getState().records).toHaveLength(2);
  });
});
