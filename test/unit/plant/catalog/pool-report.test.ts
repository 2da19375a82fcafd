import { array, assert, asyncProperty, constantFrom, integer, oneof, record } from '#test/support/fast-check.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { leaseNumbers, returnLease } from '#plant/catalog/leases.ts';
import { poolReport, type ReportPage } from '#plant/catalog/pool-report.ts';
import { createPool } from '#plant/catalog/pools.ts';
import type { Database } from '#plant/database/database.ts';
import { countByState, joinRanges, type PoolReport } from '#shared/contract/plant/pool-report.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { macOfNumber } from '#shared/model/mac-address.ts';
import { newSigner } from '#test/support/plant-chain.ts';
import { openMemoryDatabase } from '#test/support/plant/migrated-database.ts';
import { failureOf } from '../../release/failure-of.ts';

const NOON = Date.parse('2028-02-29T12:00:00Z');
const DAY_MS = 86_400_000;
const FIRST = 7;
const LAST = 36;
const signer = await newSigner();
let database: Database;
let pools = 0;
let nowMs = NOON;
beforeAll(async () => {
  database = await openMemoryDatabase();
});
afterAll(() => database.close());

/** Each has serials of its own, or addresses. */
async function newPool(kind: 'serial' | 'mac') {
  pools += 1;
  const id = `p${pools}`;
  const first = kind === 'serial' ? FIRST : pools * 1000 + FIRST;
  const form = kind === 'serial' ? { prefix: `${id}-`, digits: 4 } : { prefix: '', digits: 12 };
  const pool = { id, kind, product: null, ...form, first, last: first + LAST - FIRST, block: 6 };
  await createPool(database, pool, { who: 'ada', now: new Date(nowMs), scope: null });
  return pool;
}
type Pool = Awaited<ReturnType<typeof newPool>>;
const textOf = ({ kind, prefix, digits }: Pool, n: number) =>
  kind === 'mac' ? macOfNumber(n) : `${prefix}${String(n).padStart(digits, '0')}`;

async function passed(pool: Pool, n: number, verdict: 'PASS' | 'FAIL' = 'PASS') {
  const at = new Date(nowMs);
  if (pool.kind === 'mac') {
    if (verdict === 'PASS')
      await database.query(
        `INSERT INTO marks (mark, serial, product) VALUES ($1, 'x', 'hello') ON CONFLICT DO NOTHING`,
        [`mac:${textOf(pool, n)}`],
      );
    return;
  }
  await database.query(
    `INSERT INTO units (serial, product, process, runs, begun_at, last_at, last_hash, last_verdict, last_station, pass_at)
     VALUES ($1, 'hello', 'flash', 1, $2, $2, 'h', $3, 'L1', $4) ON CONFLICT (serial, product, process) DO UPDATE
     SET pass_at = coalesce(units.pass_at, excluded.pass_at)`,
    [textOf(pool, n), at, verdict, verdict === 'PASS' ? at : null],
  );
}

async function whole(pool: Pool, more: Partial<ReportPage> = {}): Promise<PoolReport> {
  const pages: PoolReport[] = [];
  for (let before: string | undefined; pages.length === 0 || before !== undefined;) {
    const page = await poolReport(database, pool.id, { scope: null, now: new Date(nowMs), ...more, before });
    expect(page.ranges.length).toBeLessThanOrEqual((more.most?.ranges ?? 1000) + 1);
    pages.push(page);
    before = page.next ?? undefined;
    expect(pages.length).toBeLessThan(100);
  }
  const [first] = pages;
  if (first === undefined) throw new Error('no page');
  return { ...first, next: null, ranges: joinRanges(pages) };
}

const Lease = z.object({
  station: z.string(),
  first: z.number(),
  last: z.number(),
  next: z.number(),
  issued_at: z.date(),
  until: z.date(),
  over_at: z.date().nullable(),
});

/** Number by number, over all rows, as the words of the contract say it. */
async function bruteForce(pool: Pool): Promise<{ n: number; state: string; station: string | null }[]> {
  const leases = z
    .array(Lease)
    .parse(await database.query('SELECT * FROM leases WHERE pool = $1 ORDER BY issued_at DESC', [pool.id]));
  const returned = await database.query('SELECT first, last FROM returned_numbers WHERE pool = $1', [pool.id]);
  const [row] = await database.query('SELECT next FROM pools WHERE id = $1', [pool.id]);
  const next = Number(row?.['next']);
  const units = await database.query('SELECT serial FROM units WHERE pass_at IS NOT NULL');
  const marks = await database.query('SELECT mark FROM marks');
  const used = new Set([...units.map(({ serial }) => serial), ...marks.map(({ mark }) => String(mark).slice(4))]);
  const stateOf = (n: number): { state: string; station: string | null } => {
    if (n >= next) return { state: 'open', station: null };
    if (used.has(textOf(pool, n))) return { state: 'used', station: null };
    if (returned.some(({ first, last }) => Number(first) <= n && n <= Number(last)))
      return { state: 'returned', station: null };
    const lease = leases.find(({ first, last }) => first <= n && n <= last);
    if (lease === undefined) return { state: 'void', station: null };
    const runs = lease.over_at === null && lease.until.getTime() > nowMs;
    return { state: runs ? (n < lease.next ? 'taken' : 'leased') : 'void', station: lease.station };
  };
  return Array.from({ length: pool.last - pool.first + 1 }, (_, index) => {
    const n = pool.first + index;
    const { state, station } = stateOf(n);
    return { n, state, station };
  });
}

const numbersOf = ({ ranges }: PoolReport) =>
  ranges.flatMap(({ state, station, first, last }) =>
    Array.from({ length: last - first + 1 }, (_, index) => ({ n: first + index, state, station })),
  );

const step = oneof(
  record({ does: constantFrom('lease' as const), station: constantFrom('L1', 'L2', 'L3') }),
  record({
    does: constantFrom('tell' as const, 'end' as const),
    which: integer({ min: 0, max: 9 }),
    by: integer({ min: 0, max: 6 }),
  }),
  record({ does: constantFrom('pass' as const, 'fail' as const), at: integer({ min: 0, max: LAST - FIRST }) }),
  record({ does: constantFrom('skip' as const, 'wait' as const) }),
);

describe('what became of a pool’s numbers', () => {
  it.each(['serial', 'mac'] as const)('is what a look at each of them says (%s)', async (kind) => {
    let keys = 0;
    const property = asyncProperty(array(step, { minLength: 4, maxLength: 16 }), async (steps) => {
      nowMs = NOON;
      const pool = await newPool(kind);
      const leases: { readonly id: string; readonly station: string; readonly first: number; readonly last: number }[] =
        [];
      for (const each of steps) {
        nowMs += 1000;
        const now = new Date(nowMs);
        try {
          if (each.does === 'lease') {
            const key = `key-${(keys += 1)}`;
            const leasing = {
              database,
              signer,
              random: (size: number) => crypto.getRandomValues(new Uint8Array(size)),
              days: 30,
            };
            await leaseNumbers(leasing, { station: each.station, pool: pool.id, key, now });
            const [row] = await database.query('SELECT id, first, last FROM leases WHERE key = $1', [key]);
            leases.push({
              id: String(row?.['id']),
              station: each.station,
              first: Number(row?.['first']),
              last: Number(row?.['last']),
            });
          } else if (each.does === 'tell' || each.does === 'end') {
            const lease = leases[each.which];
            if (lease === undefined) continue;
            const next = Math.min(lease.last + 1, lease.first + each.by);
            await returnLease(database, {
              station: lease.station,
              lease: lease.id,
              next,
              over: each.does === 'end',
              now,
            });
          } else if (each.does === 'pass') await passed(pool, pool.first + each.at);
          else if (each.does === 'fail') await passed(pool, pool.first + each.at, 'FAIL');
          else if (each.does === 'wait') nowMs += 16 * DAY_MS;
          // As recovery passes over what may have been leased by a database that is gone.
          else await database.query('UPDATE pools SET next = least(last + 1, next + 2) WHERE id = $1', [pool.id]);
        } catch (thrown) {
          // Used up, or told otherwise before: no step at all.
          if (!(thrown instanceof FlashlineError)) throw thrown;
        }
      }
      const expected = await bruteForce(pool);
      const report = await whole(pool);
      expect(numbersOf(report)).toEqual(expected);
      // However it is cut.
      expect(await whole(pool, { most: { numbers: 5, ranges: 2 } })).toEqual(report);
      const total = Object.values(countByState(report.ranges)).reduce((sum, count) => sum + count, 0);
      expect(total).toBe(pool.last - pool.first + 1);
    });
    await assert(property, { numRuns: process.env['FLASHLINE_NIGHTLY'] === undefined ? 8 : 1000 });
  });

  it('is for whoever may see its product, and no page is made up', async () => {
    const pool = await newPool('serial');
    const asked = (page: Partial<ReportPage>) =>
      failureOf(() => poolReport(database, pool.id, { scope: null, now: new Date(nowMs), ...page }));
    expect((await asked({ scope: ['other'] })).code).toBe('not-found');
    for (const before of ['x', '', '6', '37', '1e999', '-1', '7.5'])
      expect([before, (await asked({ before })).code]).toEqual([before, 'bad-request']);
    expect((await whole(pool)).ranges).toEqual([{ state: 'open', station: null, first: FIRST, last: LAST }]);
  });

  it('looks into no more than its page, also of a pool of 10^12', async () => {
    const pool = {
      ...(await newPool('serial')),
      id: 'vast',
      prefix: 'V',
      digits: 12,
      first: 0,
      last: 999_999_999_999,
      block: 100,
    };
    await createPool(database, pool, { who: 'ada', now: new Date(nowMs), scope: null });
    await database.query("UPDATE pools SET next = 900000000000 WHERE id = 'vast'");
    const page = await poolReport(database, 'vast', { scope: null, now: new Date(nowMs) });
    expect(page.ranges).toEqual([{ state: 'void', station: null, first: 0, last: 49_999 }]);
    expect(page.next).toBe('50000');
  });
});
