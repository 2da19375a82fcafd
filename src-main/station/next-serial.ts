import type { IdentityRules } from '#shared/identity/unit-label.ts';
import { type Counter, numberedSerial } from '#shared/identity/numbered-serial.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { SerialSource } from '#shared/model/numbers.ts';
import type { Recipe } from '#shared/model/recipe.ts';
import type { ListRow, NumberBook, UnitLog } from '../log/log.ts';
import type { PlantRules } from './plant-rules.ts';

export interface NumberServices {
  readonly numbers: NumberBook;
  readonly plant: PlantRules | undefined;
  /** UTC, ISO 8601. */
  readonly at: string;
  /** The bench's units count by themselves: none of their numbers is a real unit's. */
  readonly simulated: boolean;
}

export interface GivenSerial {
  readonly serial: string;
  /** How many are left behind it; null where only the plant knows. */
  readonly left: number | null;
}

/**
 * A serial that no unit has: taken on the disk when this resolves, void if nothing comes of it. Rejects with `counter-used-up`,
 * `list-used-up`, `list-missing`, `numbers-used-up` or `serial-from-label`.
 */
export async function nextSerial(recipe: Recipe, rules: IdentityRules, services: NumberServices): Promise<GivenSerial> {
  const { source } = recipe.serial;
  if (!source) throw new FlashlineError('serial-from-label');
  if ('counter' in source) return ofCounter(source, recipe, rules, services);
  if ('list' in source) {
    if (source.take === 'scanned') throw new FlashlineError('serial-from-label');
    return ofList(source.list, services);
  }
  const taken = services.simulated ? undefined : await services.plant?.takeSerial?.(source.pool);
  if (taken === undefined) throw new FlashlineError('numbers-used-up', { params: { pool: source.pool } });
  rules.requireSerial(taken);
  return { serial: taken, left: null };
}

/** How many there are before the first is asked for; null where only the plant knows, or labels bring them. */
export async function serialsLeft(
  { serial: { source } }: Pick<Recipe, 'serial'>,
  numbers: NumberBook,
  simulated: boolean,
): Promise<number | null> {
  if (!source || 'pool' in source) return null;
  if ('list' in source) {
    if (source.take === 'scanned') return null;
    const from = (await numbers.next(sourceName('list', source.list, simulated))) ?? 1;
    return numbers.rowsFrom(source.list, from);
  }
  const next = (await numbers.next(sourceName('counter', source.counter, simulated))) ?? source.first;
  return Math.max(0, source.last + 1 - Math.max(next, source.first));
}

/** Whether a station has serials to give for this recipe. */
export function givesSerials({ serial: { source } }: Pick<Recipe, 'serial'>): boolean {
  return source !== undefined && !('list' in source && source.take === 'scanned');
}

export function sourceName(kind: 'counter' | 'list' | 'mac', name: string, simulated: boolean): string {
  return `${simulated ? 'bench:' : ''}${kind}:${name}`;
}

async function ofCounter(
  counter: Counter,
  { serial: checked }: Recipe,
  rules: IdentityRules,
  { numbers, at, simulated }: NumberServices,
): Promise<GivenSerial> {
  const { counter: name, first, last } = counter;
  const source = sourceName('counter', name, simulated);
  for (;;) {
    const number = Math.max(first, (await numbers.next(source)) ?? first);
    if (number > last) throw new FlashlineError('counter-used-up', { params: { counter: name, last } });
    const serial = numberedSerial(counter, number, checked, rules);
    // Another process may take it first, or some unit have it: then the next.
    if ((await numbers.take({ source, number, size: 1, text: serial, run: null, at, last })) === 'taken')
      return { serial, left: last - number };
  }
}

async function ofList(list: string, { numbers, at, simulated }: NumberServices): Promise<GivenSerial> {
  const source = sourceName('list', list, simulated);
  for (;;) {
    const from = (await numbers.next(source)) ?? 1;
    const row = await numbers.nextRow(list, from);
    if (!row) throw new FlashlineError(from === 1 ? 'list-missing' : 'list-used-up', { params: { list } });
    const { place: number, serial } = row;
    if ((await numbers.take({ source, number, size: 1, text: serial, run: null, at, last: null })) === 'taken')
      return { serial, left: await numbers.rowsFrom(list, number + 1) };
  }
}

/**
 * What the list says of this unit; nothing where its recipe has none. Rejects with `serial-not-listed`, or `serial-not-issued` for a serial
 * that should have been given here and never was.
 */
export async function requireKnownSerial(
  { serial, product }: { readonly serial: string; readonly product: string },
  source: SerialSource | undefined,
  {
    numbers,
    log,
    simulated,
  }: Pick<NumberServices, 'simulated'> & {
    readonly numbers: NumberBook | undefined;
    readonly log: Pick<UnitLog, 'records'>;
  },
): Promise<ListRow['fields']> {
  if (!source || !numbers) return {};
  if ('list' in source) {
    const row = await numbers.row(source.list, serial);
    if (row) return row.fields;
    throw new FlashlineError('serial-not-listed', { params: { serial, list: source.list } });
  }
  if (simulated || (await numbers.isTaken(serial))) return {};
  // A log that went back to a backup may have forgotten what it gave, and not the unit.
  if ((await log.records({ serial, product, limit: 1 })).length > 0) return {};
  throw new FlashlineError('serial-not-issued', { params: { serial } });
}
