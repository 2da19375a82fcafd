import { identityRules, type IdentityRules } from '#shared/identity/unit-label.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { SerialSource } from '#shared/model/numbers.ts';
import type { Recipe } from '#shared/model/recipe.ts';
import { type CsvRow, csvRows } from '../image/csv-rows.ts';

/** A list is a year of a product at most. */
export const MAX_LIST_BYTES = 64 * 1024 * 1024;
/** Problems that are told at once; the rest is counted. */
const TOLD = 10;

export interface SerialRow {
  readonly serial: string;
  readonly fields: Readonly<Record<string, string>>;
  /** In the file, from 1. */
  readonly line: number;
}

type ListSource = Extract<SerialSource, { list: string }>;

interface Problem {
  readonly line: number;
  readonly detail: string;
}

/** Throws `list-invalid`, which names every wrong line: nothing of a list is taken where one row is wrong. */
export function readList(file: string, bytes: Uint8Array, recipe: Recipe, { columns }: ListSource): SerialRow[] {
  const [head, ...rows] = csvRows(decoded(file, bytes));
  if (!head) throw invalid(file, [{ line: 1, detail: 'there is no line with headings' }]);
  const places = placesOf(file, head, columns);
  const rules = identityRules({ serial: recipe.serial });
  const problems: Problem[] = [];
  const seen = new Map<string, number>();
  const read = rows.map((row) => {
    const values = Object.fromEntries([...places].map(([name, place]) => [name, (row.cells[place] ?? '').trim()]));
    const detail = faultOf(row, head, values, rules) ?? twice(seen, values['serial'] ?? '', row.line);
    if (detail !== undefined) problems.push({ line: row.line, detail });
    const { serial = '', ...fields } = values;
    return { serial, fields, line: row.line };
  });
  if (read.length === 0) problems.push({ line: head.line + 1, detail: 'there is no row below the headings' });
  if (problems.length > 0) throw invalid(file, problems);
  return read;
}

function placesOf(file: string, head: CsvRow, columns: ListSource['columns']): Map<string, number> {
  const headings = head.cells.map((cell) => cell.trim());
  const problems: Problem[] = [];
  const places = new Map<string, number>();
  for (const [name, heading] of Object.entries(columns)) {
    const place = headings.indexOf(heading);
    if (place < 0) problems.push({ line: head.line, detail: `there is no column ${heading}` });
    else if (headings.lastIndexOf(heading) !== place)
      problems.push({ line: head.line, detail: `column ${heading} is there twice` });
    places.set(name, place);
  }
  if (problems.length > 0) throw invalid(file, problems);
  return places;
}

function faultOf(
  { cells }: CsvRow,
  head: CsvRow,
  values: Readonly<Record<string, string>>,
  rules: IdentityRules,
): string | undefined {
  if (cells.length !== head.cells.length) return `has ${cells.length} cells, the headings are ${head.cells.length}`;
  const empty = Object.entries(values).find(([, value]) => value === '');
  if (empty) return `has no ${empty[0]}`;
  const control = Object.entries(values).find(([, value]) => /\p{Cc}/u.test(value));
  if (control) return `${control[0]} has a control character or an end of line in it`;
  const { serial = '' } = values;
  try {
    rules.requireSerial(serial);
    return undefined;
  } catch (error) {
    if (!(error instanceof FlashlineError)) throw error;
    return error.failure.code === 'serial-pattern'
      ? `${JSON.stringify(serial)} does not match the pattern`
      : `the check of ${JSON.stringify(serial)} does not agree`;
  }
}

function twice(seen: Map<string, number>, serial: string, line: number): string | undefined {
  const first = seen.get(serial);
  seen.set(serial, first ?? line);
  return first === undefined ? undefined : `${serial} is in line ${first} already`;
}

function decoded(file: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new FlashlineError('list-invalid', {
      where: { file },
      params: { file, detail: 'it is no UTF-8 text' },
      cause: error,
    });
  }
}

function invalid(file: string, problems: readonly Problem[]): FlashlineError {
  const told = problems.slice(0, TOLD).map(({ line, detail }) => `line ${line}: ${detail}`);
  const more = problems.length > TOLD ? [`and ${problems.length - TOLD} more`] : [];
  const where = { file, line: problems[0]?.line ?? 1 };
  return new FlashlineError('list-invalid', { where, params: { file, detail: [...told, ...more].join('; ') } });
}
