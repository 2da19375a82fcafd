import type { Fault, FaultKind } from './fault.ts';
import type { PlantRows, RunsRow, Span, UnitRow, YieldRow } from './plant-rows.ts';
import type { Content } from './station-file.ts';

/** Units and roll-ups, added up from raw records, against what the plant kept in step. */
export async function checkSums(rows: PlantRows, records: readonly Content[]): Promise<Fault[]> {
  const histories = byUnit(records);
  return [
    ...differences('unit', unitsOf(histories), await rows.units(), unitKey),
    ...(await checkSpan(rows, histories, 'hour', HOUR_MS)),
    ...(await checkSpan(rows, histories, 'day', 24 * HOUR_MS)),
  ];
}

async function checkSpan(rows: PlantRows, histories: readonly Content[][], span: Span, ms: number): Promise<Fault[]> {
  const start = (content: Content) => Math.floor(instant(content) / ms) * ms;
  return [
    ...differences('yield', yieldOf(histories, start), await rows.yields(span), yieldKey),
    ...differences('runs', runsOf(histories.flat(), start), await rows.runs(span), runsKey),
  ];
}

const HOUR_MS = 3_600_000;
const instant = ({ finishedAt }: Content): number => Date.parse(finishedAt);
const key = (...parts: readonly (string | number)[]): string => JSON.stringify(parts);
const unitKey = ({ serial, product, process }: UnitRow): string => key(serial, product, process);
const yieldKey = (row: YieldRow): string => key(row.at, row.product, row.process, row.station, row.work_order);
const runsKey = (row: RunsRow): string => key(row.at, row.product, row.process, row.station, row.verdict, row.code);

/** Each unit's records at one step, by when they finished; of equal instants, by hash. */
function byUnit(records: readonly Content[]): Content[][] {
  const units = new Map<string, Content[]>();
  for (const record of records) {
    const unit = key(record.serial, record.product.id, record.process);
    const history = units.get(unit);
    if (history === undefined) units.set(unit, [record]);
    else history.push(record);
  }
  return [...units.values()].map((history) => history.sort(older));
}

function older(a: Content, b: Content): number {
  return instant(a) - instant(b) || (a.hash < b.hash ? -1 : 1);
}

function isAttempt({ verdict }: Content): boolean {
  return verdict === 'PASS' || verdict === 'FAIL';
}

function unitsOf(histories: readonly Content[][]): UnitRow[] {
  return histories.flatMap((history) => {
    const first = history.find(isAttempt);
    const [begun, last] = [history[0], history.at(-1)];
    const passes = history.filter(({ verdict }) => verdict === 'PASS');
    const pass = passes.at(-1);
    if (begun === undefined || last === undefined) return [];
    return {
      serial: last.serial,
      product: last.product.id,
      process: last.process,
      runs: history.length,
      begun_at: instant(begun),
      first_at: first === undefined ? null : instant(first),
      first_hash: first?.hash ?? null,
      first_verdict: first?.verdict ?? null,
      first_station: first?.station ?? null,
      first_order: first?.order ?? null,
      last_at: instant(last),
      last_hash: last.hash,
      last_verdict: last.verdict,
      last_station: last.station,
      pass_at: pass === undefined ? null : instant(pass),
      pass_hash: pass?.hash ?? null,
      pass_station: pass?.station ?? null,
      pass_uid: pass?.uid ?? null,
      board: passes.flatMap(({ uid }) => uid ?? []).sort()[0] ?? null,
    };
  });
}

function yieldOf(histories: readonly Content[][], start: (content: Content) => number): YieldRow[] {
  const cells = new Map<string, YieldRow>();
  for (const history of histories) {
    const first = history.find(isAttempt);
    if (first === undefined) continue;
    const passedFirst = first.verdict === 'PASS';
    const passedLater = !passedFirst && history.some(({ verdict }) => verdict === 'PASS');
    const empty = {
      at: start(first),
      product: first.product.id,
      process: first.process,
      station: first.station,
      work_order: first.order ?? '',
      attempted: 0,
      passed_first: 0,
      passed_later: 0,
    };
    const cell = cells.get(yieldKey(empty)) ?? empty;
    cells.set(yieldKey(empty), {
      ...cell,
      attempted: cell.attempted + 1,
      passed_first: cell.passed_first + Number(passedFirst),
      passed_later: cell.passed_later + Number(passedLater),
    });
  }
  return [...cells.values()];
}

function runsOf(records: readonly Content[], start: (content: Content) => number): RunsRow[] {
  const cells = new Map<string, RunsRow>();
  for (const record of records) {
    const { product, process, station, verdict, failure } = record;
    const code = failure?.code ?? '';
    const empty = { at: start(record), product: product.id, process, station, verdict, code, runs: 0 };
    const cell = cells.get(runsKey(empty)) ?? empty;
    cells.set(runsKey(empty), { ...cell, runs: cell.runs + 1 });
  }
  return [...cells.values()];
}

/** Members that `wanted` has decide: what the plant keeps besides is not ours to judge. */
function differences<T extends object>(
  kind: FaultKind,
  wanted: readonly T[],
  found: readonly T[],
  keyOf: (row: T) => string,
): Fault[] {
  const left = new Map(found.map((row) => [keyOf(row), row]));
  const faults: Fault[] = [];
  for (const row of wanted) {
    const where = keyOf(row);
    const kept = left.get(where);
    left.delete(where);
    const wrong = Object.entries(row).filter(
      ([name, value]) => kept === undefined || Reflect.get(kept, name) !== value,
    );
    const told = wrong.map(
      ([name, value]) =>
        `${name} ${kept === undefined ? 'missing' : String(Reflect.get(kept, name))}, raw records give ${String(value)}`,
    );
    if (wrong.length > 0) faults.push({ kind, where, detail: told.join('; ') });
  }
  return [...faults, ...[...left.keys()].map((where) => ({ kind, where, detail: 'no raw record gives this row' }))];
}
