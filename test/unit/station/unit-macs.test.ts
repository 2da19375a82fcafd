import { describe, expect, it } from 'vitest';
import { type Failure, FlashlineError, toFailure } from '#shared/model/failure.ts';
import { MacSource } from '#shared/model/numbers.ts';
import type { UnitRecord } from '#shared/model/unit-record.ts';
import type { NumberBook, RecordQuery, TakenFrom } from '#main/log/log.ts';
import type { MacTaking, PlantRules } from '#main/station/plant-rules.ts';
import { macsOf } from '#main/station/unit-macs.ts';

/** A book of one counter. */
class Book implements Pick<NumberBook, 'next' | 'take'> {
  readonly taken: TakenFrom[] = [];
  readonly known = new Set<string>();
  next() {
    const last = this.taken.at(-1);
    return Promise.resolve(last ? last.number + last.size : null);
  }
  take(taken: TakenFrom) {
    this.taken.push(taken);
    return Promise.resolve(this.known.has(taken.text) ? ('known' as const) : ('taken' as const));
  }
}

interface Given {
  readonly probe?: string;
  readonly uid?: string;
  readonly scans?: Record<string, string>;
  readonly passed?: readonly object[];
  readonly own?: readonly object[];
  readonly book?: Book;
  readonly plant?: Partial<PlantRules>;
}

async function macs(
  source: unknown,
  given: Given = {},
): Promise<{
  macs: readonly string[];
  failure: Failure | null;
  took: readonly string[];
  asked: readonly (readonly string[])[];
}> {
  const asked: (readonly string[])[] = [];
  const { probe = 'uart:1', uid = 'aa', scans = {}, passed = [], own = [], book = new Book(), plant } = given;
  let took: readonly string[] = [];
  const services = {
    log: { records: ({ facet }: RecordQuery) => Promise.resolve((facet ? passed : own) as UnitRecord[]) },
    numbers: book as unknown as NumberBook,
    plant: plant as PlantRules | undefined,
    askPlant: (all: readonly string[]) => {
      asked.push(all);
      return Promise.resolve();
    },
    run: 'r1',
    at: '2026-01-01T00:00:00.000Z',
    took: (all: readonly string[]) => void (took = [...all]),
  };
  const unit = { request: { serial: 'HB1', slot: '1', probe, rework: false }, product: 'p', uid, scans };
  try {
    return { macs: await macsOf(unit, MacSource.parse(source), services), failure: null, took, asked };
  } catch (error) {
    if (!(error instanceof FlashlineError)) throw error;
    return { macs: [], failure: toFailure(error), took, asked };
  }
}

const COUNTER = { counter: 'boards', first: '02:00:5e:00:53:02', last: '02:00:5e:00:53:0f', count: 1, step: 4 };

describe('MACs of a counter', () => {
  it('are so many apart, each a multiple, until there is no room for one more', async () => {
    const book = new Book();
    const texts = [];
    for (let unit = 0; unit < 4; unit++) texts.push((await macs(COUNTER, { book })).macs);
    expect(texts).toEqual([['02:00:5e:00:53:04'], ['02:00:5e:00:53:08'], ['02:00:5e:00:53:0c'], []]);
    expect((await macs(COUNTER, { book })).failure).toMatchObject({ code: 'counter-used-up', blame: 'recipe' });
    // The plant may know of units that this station does not.
    expect((await macs(COUNTER)).asked).toEqual([['02:00:5e:00:53:04']]);
    expect(book.taken[0]).toMatchObject({ source: 'mac:boards', size: 4, run: 'r1', last: 0x02005e00530f });
  });

  it('pass over one that a unit has', async () => {
    const book = new Book();
    book.known.add('02:00:5e:00:53:04');
    expect((await macs(COUNTER, { book })).macs).toEqual(['02:00:5e:00:53:08']);
  });

  it('what was taken before it ran out is told', async () => {
    const { failure, took } = await macs({ ...COUNTER, count: 5 });
    expect(failure?.code).toBe('counter-used-up');
    expect(took).toHaveLength(3);
  });
});

describe('MACs of the plant’s pool', () => {
  it('are asked for in the size that a unit needs, with the run', async () => {
    const asked: [string, MacTaking][] = [];
    const takeMac = (pool: string, taking: MacTaking) => {
      asked.push([pool, taking]);
      return Promise.resolve('02:00:5e:00:53:04');
    };
    const { macs: taken, asked: own } = await macs({ pool: 'boards', step: 4 }, { plant: { takeMac } });
    expect([taken, own]).toEqual([['02:00:5e:00:53:04'], []]);
    expect(asked).toEqual([['boards', { size: 4, run: 'r1', at: '2026-01-01T00:00:00.000Z' }]]);
  });

  it('of the bench are made up, multiples too, and nobody’s', async () => {
    const { macs: made } = await macs({ pool: 'boards', count: 2, step: 16 }, { probe: 'bench:esp32' });
    expect(made).toHaveLength(2);
    for (const mac of made) expect(mac).toMatch(/^02(?::[0-9a-f]{2}){4}:[0-9a-f]0$/);
  });
});

describe('a MAC of the label or the list', () => {
  const source = { from: 'scan.address' };
  it('is taken as it is, in whatever way it is written', async () => {
    for (const address of ['02005E005301', '02:00:5e:00:53:01', '02-00-5E-00-53-01'])
      expect((await macs(source, { scans: { address } })).macs).toEqual(['02:00:5e:00:53:01']);
  });

  it.each([
    [{}, 'value-missing'],
    [{ address: '02005E0053' }, 'value-unsuited'],
    [{ address: '03005E005301' }, 'value-unsuited'],
  ])('is refused: %j', async (scans, code) => {
    expect((await macs(source, { scans })).failure?.code).toBe(code);
  });

  it('is another unit’s: refused, whatever is reworked; its own is not', async () => {
    const scans = { address: '02005E005301' };
    const other = { serial: 'HB2', uid: 'bb', probe: 'uart:1', finishedAt: 'then' };
    expect((await macs(source, { scans, passed: [other] })).failure).toMatchObject({
      code: 'mac-duplicate',
      params: { mac: '02:00:5e:00:53:01', serial: 'HB2', when: 'then' },
    });
    // The same label on another board.
    expect((await macs(source, { scans, passed: [{ ...other, serial: 'HB1' }] })).failure?.code).toBe('mac-duplicate');
    for (const own of [
      { ...other, serial: 'HB1', uid: 'aa' },
      { ...other, probe: 'bench:esp32' },
    ])
      expect((await macs(source, { scans, passed: [own] })).failure).toBeNull();
  });
});
