import { array, assert, asyncProperty, boolean, constantFrom, integer, record } from '#test/support/fast-check.ts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { isSimulated, type RecordDraft, type UnitRecord } from '#shared/model/unit-record.ts';
import type { StationYield, YieldQuery } from '#main/log/log.ts';
import { openLogDatabase } from '#main/log/log-database.ts';
import { shiftYieldOf } from '#main/log/shift-yield.ts';
import { draft, openAt, opening, standingClock, temporaryFolder } from './fixtures.ts';

let folder: ReturnType<typeof temporaryFolder>;
let count = 0;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

async function logOf(changes: readonly Partial<RecordDraft>[]) {
  count += 1;
  const log = openAt(`${folder.path}/${count}.db`);
  const all: UnitRecord[] = [];
  for (const [index, each] of changes.entries()) {
    await log.begin(opening(`r${index}`));
    all.push(await log.finish(draft(`r${index}`, each)));
  }
  return { log, all };
}

const FAILED = {
  verdict: 'FAIL',
  failure: { code: 'verify-mismatch', blame: 'unit', where: {}, params: {} },
} as const satisfies Partial<RecordDraft>;

/** As the definitions say it, without thought for speed. */
function naiveYield(all: readonly UnitRecord[], query: YieldQuery): StationYield {
  const asked = all.filter((each) => isSimulated(each) === query.simulated);
  const own = asked.filter((each) => query.product === undefined || each.product.id === query.product);
  const inSpan = (at: string) => at >= query.from && at < query.to;
  const units = Map.groupBy(own, (each) => JSON.stringify([each.product.id, each.serial, each.process ?? 'flash']));
  const counts = { attempted: 0, passedFirst: 0, passedLater: 0 };
  for (const runs of units.values()) {
    const attempts = runs
      .filter(({ verdict }) => verdict === 'PASS' || verdict === 'FAIL')
      .toSorted((a, b) => a.finishedAt.localeCompare(b.finishedAt) || a.sequence - b.sequence);
    const [first] = attempts;
    if (!first || !inSpan(first.finishedAt)) continue;
    counts.attempted += 1;
    if (first.verdict === 'PASS') counts.passedFirst += 1;
    else if (attempts.some(({ verdict }) => verdict === 'PASS')) counts.passedLater += 1;
  }
  const ended = Map.groupBy(
    own.filter(({ finishedAt }) => inSpan(finishedAt)),
    ({ verdict, failure }) => `${verdict} ${failure?.code ?? ''}`,
  );
  const runs = [...ended.values()].flatMap((group) =>
    group.slice(0, 1).map(({ verdict, failure }) => ({ verdict, code: failure?.code ?? null, count: group.length })),
  );
  return { ...counts, runs };
}

const sorted = ({ runs, ...counts }: StationYield) => ({
  ...counts,
  runs: runs.map((each) => JSON.stringify([each.verdict, each.code, each.count])).toSorted(),
});

const at = (hour: number): string => new Date(Date.UTC(2026, 2, 28, 20 + hour)).toISOString();

describe('the yield of a shift', () => {
  it('is what its definition says, whatever order clocks and verdicts come in', async () => {
    const run = record({
      serial: constantFrom('1', '2', '3', '4'),
      product: constantFrom('hello', 'other'),
      process: constantFrom(undefined, 'flash', 'test'),
      simulated: boolean(),
      verdict: constantFrom('PASS', 'FAIL', 'ERROR', 'ABORTED', 'INTERRUPTED'),
      hour: integer({ min: 0, max: 9 }),
    });
    await assert(
      asyncProperty(array(run, { maxLength: 60 }), async (runs) => {
        const { log, all } = await logOf(
          runs.map(({ product, process, simulated, hour, verdict, ...rest }) => ({
            ...rest,
            product: { id: product, revision: 'A', name: product },
            ...(process === undefined ? {} : { process }),
            ...(simulated ? { probe: 'bench:nrf52840' } : {}),
            ...(verdict === 'FAIL' ? FAILED : { verdict }),
            finishedAt: at(hour),
          })),
        );
        for (const simulated of [true, false])
          for (const product of [{}, { product: 'hello' }])
            for (const [from, to] of [
              [0, 10],
              [3, 6],
              [6, 3],
            ] as const) {
              const query = { from: at(from), to: at(to), simulated, ...product };
              expect(sorted(await log.shiftYield(query))).toEqual(sorted(naiveYield(all, query)));
            }
        expect((await log.verify()).fault).toBeNull();
        await log.close();
      }),
      { numRuns: 25 },
    );
  }, 120_000);

  it('counts a unit where it was first tried, and its later PASS there too', async () => {
    const shift = (from: number, to: number) => ({ from: at(from), to: at(to), simulated: false });
    const { log } = await logOf([
      { serial: 'good', finishedAt: at(1) },
      { serial: 'retested', ...FAILED, finishedAt: at(2) },
      { serial: 'bad', ...FAILED, finishedAt: at(3) },
      { serial: 'retested', finishedAt: at(9) },
      { serial: 'good', ...FAILED, finishedAt: at(9) },
    ]);
    expect(await log.shiftYield(shift(0, 8))).toEqual({
      attempted: 3,
      passedFirst: 1,
      passedLater: 1,
      runs: [
        { verdict: 'FAIL', code: 'verify-mismatch', count: 2 },
        { verdict: 'PASS', code: null, count: 1 },
      ],
    });
    expect(await log.shiftYield(shift(8, 16))).toMatchObject({ attempted: 0, passedFirst: 0, passedLater: 0 });
    await log.close();
  });

  it('is found in two indexes alone', () => {
    const database = openLogDatabase({ file: `${folder.path}/p.db`, clock: standingClock(), warn: () => undefined });
    const prepare = vi.spyOn(database.sqlite, 'prepare');
    shiftYieldOf(database, { from: at(0), to: at(8), product: 'hello', simulated: false });
    const asked = prepare.mock.calls.map(([sql]) => sql);
    prepare.mockRestore();
    const Detail = z.object({ detail: z.string() });
    const plans = asked.map((sql) => {
      const rows = database.sqlite.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...Array.from({ length: 4 }, () => 0));
      return rows.map((row) => Detail.parse(row).detail)[0];
    });
    expect(plans).toEqual([
      'SEARCH units USING COVERING INDEX units_first (simulated=? AND first_at>? AND first_at<?)',
      'SEARCH records USING COVERING INDEX records_in_time (finished_at>? AND finished_at<?)',
    ]);
    database.close();
  });
});
