import { assert, asyncProperty, constantFrom, integer, tuple } from '#test/support/fast-check.ts';
import { beforeAll, describe, expect, test } from 'vitest';
import type { UnitRecord } from '#shared/model/unit-record.ts';
import { yieldReport, type YieldQuestion } from '#plant/trace/yield-report.ts';
import { FAILED, newSigner, PlantChain } from '../plant-chain.ts';
import type { SuitePlant } from './suite-plant.ts';

const HOUR = 3_600_000;
/** 29 February is among them. */
const START = Date.parse('2024-02-27T00:00:00Z');
const HOURS = 5 * 24;

/** Every unit is worked on once, every fifth a second time a day later; every third fails first. */
async function fill({ ingest, empty }: SuitePlant): Promise<UnitRecord[]> {
  await empty();
  const records: UnitRecord[] = [];
  const signers = await Promise.all([newSigner(), newSigner()]);
  for (const [line, key] of signers.entries()) {
    const chain = new PlantChain(`line-${line}`, key);
    for (let unit = 0; unit < 150; unit++) {
      const product = { id: unit % 2 === 0 ? 'one' : 'two', revision: 'A', name: 'Board' };
      const at = START + ((unit * 7 + line) % HOURS) * HOUR + 59 * 60_000 + 59_999;
      const serial = `${line}-${unit}`;
      const fails = unit % 3 === 0 ? FAILED : {};
      chain.add({ serial, product, uid: null, finishedAt: new Date(at).toISOString(), ...fails });
      if (unit % 5 === 0) chain.add({ serial, product, uid: null, finishedAt: new Date(at + 24 * HOUR).toISOString() });
    }
    await ingest.take(
      { station: chain.station, publicKey: key.publicKey },
      await chain.batch(),
      new Date('2024-04-01'),
    );
    records.push(...chain.records);
  }
  return records;
}

const at = (hour: number) => new Date(START + hour * HOUR).toISOString();

/** Counted from the records themselves. */
function counted(records: readonly UnitRecord[], { from, to, product, station }: YieldQuestion) {
  const within = ({ finishedAt }: UnitRecord) =>
    Date.parse(finishedAt) >= Date.parse(from) && Date.parse(finishedAt) < Date.parse(to);
  const asked = records.filter((r) => (!product || r.product.id === product) && (!station || r.station === station));
  const units = Map.groupBy(asked, ({ serial }) => serial);
  const firsts = [...units.values()].flatMap(([first, ...later]) =>
    first !== undefined && within(first) ? [{ first, passes: later.some(({ verdict }) => verdict === 'PASS') }] : [],
  );
  return {
    attempted: firsts.length,
    passedFirst: firsts.filter(({ first }) => first.verdict === 'PASS').length,
    passedLater: firsts.filter(({ first, passes }) => first.verdict === 'FAIL' && passes).length,
    runs: asked.filter(within).length,
  };
}

export function yieldReportSuite(plant: () => SuitePlant): void {
  describe('the yield report', () => {
    let records: readonly UnitRecord[] = [];
    beforeAll(async () => {
      records = await fill(plant());
    });

    const Hour = integer({ min: -30, max: HOURS + 60 });
    const Question = tuple(
      Hour,
      Hour,
      constantFrom('hour', 'day'),
      constantFrom('one', 'two', undefined),
      constantFrom('line-0', 'line-1', undefined),
    ).filter(([from, to]) => from !== to);

    test('adds up to the records, by hours and by days, over any hours', () =>
      assert(
        asyncProperty(Question, async ([a, b, by, product, station]) => {
          const span = { from: at(Math.min(a, b)), to: at(Math.max(a, b)) };
          const question = { ...span, by, ...(product ? { product } : {}), ...(station ? { station } : {}) };
          const { cells, ends } = await yieldReport(plant().database, question);
          const sum = (pick: (cell: (typeof cells)[number]) => number) =>
            cells.reduce((all, cell) => all + pick(cell), 0);
          const found = {
            attempted: sum((cell) => cell.attempted),
            passedFirst: sum((cell) => cell.passedFirst),
            passedLater: sum((cell) => cell.passedLater),
            runs: ends.reduce((all, { runs }) => all + runs, 0),
          };
          expect(found).toEqual(counted(records, question));
          expect(cells.every((cell) => Date.parse(cell.at) % (by === 'day' ? 24 * HOUR : HOUR) === 0)).toBe(true);
        }),
        { numRuns: 60 },
      ));

    test('knows 29 February', async () => {
      const { cells } = await yieldReport(plant().database, {
        from: '2024-02-29T00:00:00Z',
        to: '2024-03-01T00:00:00Z',
        by: 'day',
      });
      expect(new Set(cells.map((cell) => cell.at))).toEqual(new Set(['2024-02-29T00:00:00.000Z']));
    });

    test.each([
      ['an empty span', { from: at(1), to: at(1), by: 'hour' }],
      ['a span that runs backwards', { from: at(9), to: at(1), by: 'day' }],
      ['more hours than one answer takes', { from: at(0), to: at(94 * 24), by: 'hour' }],
    ] as const)('%s is refused', async (_, question) => {
      await expect(yieldReport(plant().database, question)).rejects.toMatchObject({ failure: { code: 'bad-request' } });
    });
  });
}
