import { describe, expect, it } from 'vitest';
import { identityRules } from '#shared/identity/unit-label.ts';
import { FlashlineError, toFailure } from '#shared/model/failure.ts';
import { Recipe } from '#shared/model/recipe.ts';
import type { UnitRecord } from '#shared/model/unit-record.ts';
import type { ListRow, NumberBook, TakenFrom } from '#main/log/log.ts';
import { nextSerial, requireKnownSerial, serialsLeft } from '#main/station/next-serial.ts';
import type { PlantRules } from '#main/station/plant-rules.ts';

const recipeWith = (source: unknown, pattern = '^HB[0-9]{4}$') =>
  ({ serial: Recipe.shape.serial.parse({ pattern, source }) }) as unknown as Recipe;

/** One source; `others` is what another process does just before a number is taken. */
class Book implements Omit<NumberBook, 'importRows' | 'taken' | 'left'> {
  at: number | null = null;
  readonly texts: string[] = [];
  rows: ListRow[] = [];
  known = new Set<string>();
  others: () => void = () => undefined;

  next() {
    return Promise.resolve(this.at);
  }
  take({ number, size, text }: TakenFrom) {
    this.others();
    if (this.at !== null && this.at > number) return Promise.resolve('moved' as const);
    this.at = number + size;
    this.texts.push(text);
    return Promise.resolve(this.known.has(text) ? ('known' as const) : ('taken' as const));
  }
  isTaken(text: string) {
    return Promise.resolve(this.texts.includes(text));
  }
  nextRow(_: string, from: number) {
    return Promise.resolve(this.rows.find(({ place }) => place >= from) ?? null);
  }
  row(_: string, serial: string) {
    return Promise.resolve(this.rows.find((row) => row.serial === serial) ?? null);
  }
  rowsFrom(_: string, from: number) {
    return Promise.resolve(this.rows.filter(({ place }) => place >= from).length);
  }
}

function next(recipe: Recipe, book: Book, plant?: Partial<PlantRules>, simulated = false) {
  const services = {
    numbers: book as unknown as NumberBook,
    plant: plant as PlantRules | undefined,
    at: '',
    simulated,
  };
  return nextSerial(recipe, identityRules(recipe), services).catch((error: unknown) => toFailure(error).code);
}

const COUNTER = recipeWith({ counter: 'boards', prefix: 'HB', digits: 4, first: 5, last: 8 });

describe('the next serial', () => {
  it('of a counter: none twice, none that a unit has, none that another process took', async () => {
    const book = new Book();
    book.known.add('HB0006');
    expect(await serialsLeft(COUNTER, book as unknown as NumberBook, false)).toBe(4);
    expect(await next(COUNTER, book)).toEqual({ serial: 'HB0005', left: 3 });
    expect(await next(COUNTER, book)).toEqual({ serial: 'HB0007', left: 1 });
    book.others = () => {
      book.at = Math.max(book.at ?? 0, 9);
    };
    expect(await next(COUNTER, book)).toBe('counter-used-up');
    expect(await serialsLeft(COUNTER, book as unknown as NumberBook, false)).toBe(0);
  });

  it('of a list: row after row', async () => {
    const book = new Book();
    const list = recipeWith({ list: 'acme' });
    expect(await next(list, book)).toBe('list-missing');
    book.rows = ['HB0009', 'HB0004'].map((serial, index) => ({
      place: index + 1,
      serial,
      fields: {},
      file: 'f',
      line: 2,
    }));
    expect(await next(list, book)).toEqual({ serial: 'HB0009', left: 1 });
    expect(await next(list, book)).toEqual({ serial: 'HB0004', left: 0 });
    expect(await next(list, book)).toBe('list-used-up');
    expect(await next(recipeWith({ list: 'acme', take: 'scanned' }), book)).toBe('serial-from-label');
  });

  it('of the plant’s pool, where it fits the recipe', async () => {
    const pool = recipeWith({ pool: 'boards' });
    const plant = (serial: string) => ({ takeSerial: () => Promise.resolve(serial) });
    expect(await next(pool, new Book(), plant('HB0001'))).toEqual({ serial: 'HB0001', left: null });
    expect(await next(pool, new Book(), plant('XX0001'))).toBe('serial-pattern');
    expect(await next(pool, new Book())).toBe('numbers-used-up');
    // None of the plant's is for the bench.
    expect(await next(pool, new Book(), plant('HB0001'), true)).toBe('numbers-used-up');
  });

  it('of a label is the label’s', async () => {
    expect(await next(recipeWith(undefined), new Book())).toBe('serial-from-label');
  });
});

describe('a serial that comes from elsewhere than a label', () => {
  const known = async (recipe: Recipe, serial: string, { book = new Book(), records = 0, simulated = false } = {}) => {
    const log = { records: () => Promise.resolve(Array<UnitRecord>(records)) };
    const unit = { serial, product: 'p' };
    try {
      return await requireKnownSerial(unit, recipe.serial.source, {
        numbers: book as unknown as NumberBook,
        log,
        simulated,
      });
    } catch (error) {
      if (error instanceof FlashlineError) return error.failure.code;
      throw error;
    }
  };

  it('must have been given here, or be known from before', async () => {
    const book = new Book();
    await next(COUNTER, book);
    expect(await known(COUNTER, 'HB0005', { book })).toEqual({});
    expect(await known(COUNTER, 'HB0006', { book })).toBe('serial-not-issued');
    expect(await known(COUNTER, 'HB0006', { book, records: 1 })).toEqual({});
    expect(await known(COUNTER, 'HB0006', { book, simulated: true })).toEqual({});
    expect(await known(recipeWith(undefined), 'HB0006')).toEqual({});
  });

  it('must be in the list, which says what else is the unit’s', async () => {
    const book = new Book();
    book.rows = [{ place: 1, serial: 'HB0009', fields: { mac: 'm' }, file: 'f', line: 2 }];
    const list = recipeWith({ list: 'acme', take: 'scanned' });
    expect(await known(list, 'HB0009', { book })).toEqual({ mac: 'm' });
    expect(await known(list, 'HB0001', { book, records: 1 })).toBe('serial-not-listed');
  });
});
