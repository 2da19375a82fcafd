import { array, assert, asyncProperty, constantFrom, integer, option, record } from '#test/support/fast-check.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { facet, facetsOf } from '#shared/model/facets.ts';
import type { RecordDraft, UnitRecord } from '#shared/model/unit-record.ts';
import type { ExportPlace, ExportQuery, RecordQuery } from '#main/log/log.ts';
import { type LogDatabase, openLogDatabase } from '#main/log/log-database.ts';
import { exportQuery, recordQuery } from '#main/log/record-query.ts';
import { SqliteUnitLog } from '#main/log/sqlite-unit-log.ts';
import { draft, opening, standingClock, temporaryFolder, Village } from './fixtures.ts';

const SERIALS = ['S1', 'S2', "S'3; DROP TABLE records"] as const;
const UIDS = ['u1', 'u2', null] as const;
const PRODUCTS = ['hello', 'other'] as const;
const VERDICTS = ['PASS', 'FAIL', 'ERROR', 'ABORTED', 'INTERRUPTED'] as const;
const BATCHES = [undefined, 'lot 1', 'lot 2'] as const;
const IMAGES = ['b'.repeat(64), 'c'.repeat(64)] as const;
const MACS = [undefined, ['02:00:5e:00:53:01'], ['02:00:5e:00:53:01', '02:00:5e:00:53:02']] as const;
const HOURS = 6;

const at = (hour: number): string => new Date(Date.UTC(2028, 1, 29, 20 + hour)).toISOString();

const drafts = array(
  record({
    serial: constantFrom(...SERIALS),
    uid: constantFrom(...UIDS),
    product: constantFrom(...PRODUCTS),
    verdict: constantFrom(...VERDICTS),
    batch: constantFrom(...BATCHES),
    image: constantFrom(...IMAGES),
    macs: constantFrom(...MACS),
    hour: integer({ min: 0, max: HOURS }),
  }),
  { minLength: 40, maxLength: 60 },
);

const optional = <T>(...values: readonly [T, ...T[]]) => option(constantFrom(...values), { nil: undefined, freq: 2 });
const hours = option(integer({ min: 0, max: HOURS }), { nil: undefined, freq: 2 });
const queries = record({
  serial: optional(...SERIALS, 'none'),
  uid: optional('u1', 'u2'),
  product: optional(...PRODUCTS),
  verdict: optional(...VERDICTS),
  facet: optional(
    { kind: 'batch' as const, value: 'lot 1' },
    { kind: 'image' as const, value: IMAGES[0] },
    { kind: 'mac' as const, value: '02:00:5e:00:53:02' },
    { kind: 'release' as const, value: 'a'.repeat(64) },
    { kind: 'order' as const, value: 'none' },
  ),
  from: hours,
  to: hours,
  before: option(integer({ min: 1, max: 70 }), { nil: undefined, freq: 2 }),
  limit: option(integer({ min: 1, max: 20 }), { nil: undefined }),
});

/** Without what is undefined, as callers write it. */
function queryOf({ from, to, ...rest }: Parameters<typeof timeless>[0]): RecordQuery {
  return timeless({ ...rest, from, to });
}

function timeless(query: {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly [name: string]: unknown;
}): RecordQuery {
  const { from, to, ...rest } = query;
  const times = { ...(from === undefined ? {} : { from: at(from) }), ...(to === undefined ? {} : { to: at(to) }) };
  return { ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)), ...times };
}

function matches(each: UnitRecord, query: RecordQuery): boolean {
  const { serial, uid, product, verdict, from, to, before } = query;
  return (
    (serial === undefined || each.serial === serial) &&
    (uid === undefined || each.uid === uid) &&
    (product === undefined || each.product.id === product) &&
    (verdict === undefined || each.verdict === verdict) &&
    (query.facet === undefined || facetsOf(each).includes(facet(query.facet.kind, query.facet.value))) &&
    (from === undefined || each.finishedAt >= from) &&
    (to === undefined || each.finishedAt < to) &&
    (before === undefined || each.sequence < before)
  );
}

const folder = temporaryFolder();
let database: LogDatabase;
let files = 0;
beforeAll(() => {
  database = openDatabase();
});
afterAll(() => {
  database.close();
  folder.remove();
});

function openDatabase(): LogDatabase {
  files += 1;
  return openLogDatabase({ file: `${folder.path}/${files}.db`, clock: standingClock(), warn: () => undefined });
}

async function logOf(of: readonly Partial<RecordDraft>[]): Promise<{ log: SqliteUnitLog; all: UnitRecord[] }> {
  const log = new SqliteUnitLog(openDatabase(), { clock: standingClock(), processes: new Village(1) });
  const all: UnitRecord[] = [];
  for (const [index, changes] of of.entries()) {
    await log.begin(opening(`r${index}`));
    all.push(await log.finish(draft(`r${index}`, changes)));
  }
  return { log, all };
}

describe('records', () => {
  it('are those that all of the query holds for, newest first, whatever is asked together', async () => {
    await assert(
      asyncProperty(drafts, array(queries, { minLength: 60, maxLength: 60 }), async (made, asked) => {
        const { log, all } = await logOf(
          made.map(({ product, batch, image, macs, hour, ...rest }) => ({
            ...rest,
            product: { id: product, revision: 'A', name: product },
            finishedAt: at(hour),
            images: [
              { role: 'application', version: '1', address: 0, size: 1, sha256: { expected: image, readBack: null } },
            ],
            ...(batch === undefined ? {} : { batch }),
            ...(macs === undefined ? {} : { macs: [...macs] }),
          })),
        );
        for (const each of asked) {
          const query = queryOf(each);
          const wanted = all.filter((one) => matches(one, query)).toReversed();
          expect(await log.records(query)).toEqual(wanted.slice(0, query.limit ?? Number.POSITIVE_INFINITY));
          expect(await exported(log, query)).toEqual(byFinishing(all.filter((one) => matches(one, exportOf(query)))));
        }
        expect((await log.verify()).fault).toBeNull();
        await log.close();
      }),
      { numRuns: 4 },
    );
  }, 120_000);

  it('come page by page without a gap, while others are added', async () => {
    const { log } = await logOf(Array.from({ length: 25 }, (_, index) => ({ serial: index % 2 ? 'odd' : 'even' })));
    const pages: number[][] = [];
    for (let before: number | undefined; ;) {
      const page = await log.records({ serial: 'even', limit: 4, ...(before === undefined ? {} : { before }) });
      if (page.length === 0) break;
      pages.push(page.map(({ sequence }) => sequence));
      before = page.at(-1)?.sequence;
      await log.begin(opening(`late ${pages.length}`));
      await log.finish(draft(`late ${pages.length}`, { serial: 'even' }));
    }
    expect(pages).toEqual([[25, 23, 21, 19], [17, 15, 13, 11], [9, 7, 5, 3], [1]]);
    await log.close();
  });
});

function exportOf({ from, to, product, serial }: RecordQuery): ExportQuery {
  return Object.fromEntries(Object.entries({ from, to, product, serial }).filter(([, value]) => value !== undefined));
}

/** By pages of a few, as `log export` does it. */
async function exported(log: SqliteUnitLog, query: RecordQuery): Promise<unknown[]> {
  const found: unknown[] = [];
  for (let after: ExportPlace | null = null; ;) {
    const page = await log.exportPage(exportOf(query), after, 7);
    if (page.length === 0) return found;
    found.push(...page.map(({ body }) => JSON.parse(body)));
    after = page.at(-1) ?? null;
  }
}

function byFinishing(records: readonly UnitRecord[]): UnitRecord[] {
  return records.toSorted((a, b) => a.finishedAt.localeCompare(b.finishedAt) || a.sequence - b.sequence);
}

const Detail = z.object({ detail: z.string() });

function planOf({ sql, values }: ReturnType<typeof recordQuery>): string[] {
  const rows = database.sqlite.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...values);
  return rows.map((row) => Detail.parse(row).detail);
}

/** Places from one index, without a look at the records; then the records asked for, by their place. */
describe('the query plan', () => {
  const time = { from: at(0), to: at(1) };
  const image = { kind: 'image', value: IMAGES[0] } as const;
  const limit = 50;
  const BY_PLACE = 'SEARCH records USING INTEGER PRIMARY KEY (rowid=?)';
  const SORTED = 'USE TEMP B-TREE FOR ORDER BY';
  const IN_TIME = 'SEARCH records USING COVERING INDEX records_in_time (finished_at>? AND finished_at<?)';
  const OF_SERIAL = 'SEARCH records USING COVERING INDEX records_of_serial (serial=?)';
  const OF_PRODUCT = 'SEARCH records USING COVERING INDEX records_of_product (product=?)';
  const HAS_FACET = 'SEARCH facets EXISTS USING PRIMARY KEY (facet=? AND sequence=?)';

  it.each<readonly [string, RecordQuery, readonly string[]]>([
    ['everything', { limit, before: 9 }, ['SEARCH records USING INTEGER PRIMARY KEY (rowid<?)']],
    ['serial', { limit, serial: 's' }, [OF_SERIAL]],
    ['serial and image', { limit, serial: 's', facet: image }, [OF_SERIAL, HAS_FACET]],
    [
      'uid, a further page',
      { limit, uid: 'u', before: 9 },
      ['SEARCH records USING COVERING INDEX records_of_uid (uid=? AND sequence<?)'],
    ],
    ['product', { limit, product: 'p' }, [OF_PRODUCT]],
    ['product and verdict', { limit, product: 'p', verdict: 'FAIL' }, [OF_PRODUCT]],
    ['verdict', { limit, verdict: 'FAIL' }, ['SEARCH records USING COVERING INDEX records_of_verdict (verdict=?)']],
    ['time', { limit, ...time }, [IN_TIME, SORTED]],
    ['time, product and verdict', { limit, ...time, product: 'p', verdict: 'FAIL' }, [IN_TIME, SORTED]],
    ['image', { limit, facet: image, before: 9 }, ['SEARCH facets USING PRIMARY KEY (facet=? AND sequence<?)']],
    ['image and time', { limit, facet: image, ...time }, [IN_TIME, HAS_FACET, SORTED]],
    [
      'mac and product',
      { limit, facet: { kind: 'mac', value: 'm' }, product: 'p' },
      ['SEARCH facets USING PRIMARY KEY (facet=?)', BY_PLACE],
    ],
  ])('for %s', (_, query, places) => {
    expect(planOf(recordQuery(query))).toEqual([BY_PLACE, expect.stringMatching(/^LIST SUBQUERY/), ...places]);
  });

  it.each<readonly [string, ExportQuery, ExportPlace | null, readonly string[]]>([
    ['all, from the start', {}, null, ['SCAN records USING INDEX records_in_time']],
    [
      'a further page',
      {},
      { finishedAt: at(0), sequence: 1 },
      ['SEARCH records USING INDEX records_in_time (finished_at>?)'],
    ],
    [
      'a span, a further page',
      { ...time, product: 'p' },
      { finishedAt: at(0), sequence: 1 },
      ['SEARCH records USING INDEX records_in_time (finished_at>? AND finished_at<?)'],
    ],
    ['a unit', { serial: 's' }, null, ['SEARCH records USING INDEX records_of_serial (serial=?)', SORTED]],
  ])('for writing out %s', (_, query, after, plan) => {
    expect(planOf(exportQuery(query, after, 500))).toEqual(plan);
  });
});
