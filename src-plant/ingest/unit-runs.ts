import { isAttempt } from '#shared/model/yield.ts';
import { DEFAULT_PROCESS } from '#shared/model/unit-record.ts';
import type { CheckedRecord } from './read-batch.ts';

/** A run as `units` remembers it. */
export interface UnitRun {
  readonly ms: number;
  readonly hash: string;
  readonly verdict: string;
  readonly station: string;
  readonly order: string | null;
  readonly uid: string | null;
}

/**
 * What some runs say of one unit at one step. Any two are put together by taking the least, the greatest, the sum: whatever
 * order they come in, the unit ends up the same.
 */
export interface UnitRuns {
  readonly serial: string;
  readonly product: string;
  readonly process: string;
  runs: number;
  /** When the earliest of any verdict finished. */
  begunMs: number;
  /** First PASS or FAIL by when it finished; then by hash, so that two in one millisecond have an order too. */
  first: UnitRun | null;
  last: UnitRun;
  /** Newest PASS. */
  pass: UnitRun | null;
  /** Hardware ids that passed. */
  readonly boards: Set<string>;
}

export function unitKey(serial: string, product: string, process: string): string {
  // No text of a record has a NUL.
  return [serial, product, process].join('\0');
}

/** One a unit and step, in the order of their keys: everybody locks them in the same order. */
export function unitRunsOf(records: readonly CheckedRecord[], station: string): readonly UnitRuns[] {
  const units = new Map<string, UnitRuns>();
  for (const checked of records) {
    const { serial, product, process = DEFAULT_PROCESS } = checked.record;
    const key = unitKey(serial, product.id, process);
    const run = runOf(checked, station);
    const unit = units.get(key);
    if (unit === undefined) units.set(key, startUnit(checked, process, run));
    else addRun(unit, checked, run);
  }
  return [...units].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, unit]) => unit);
}

function runOf({ record, finishedMs }: CheckedRecord, station: string): UnitRun {
  const { hash, verdict, order = null, uid } = record;
  return { ms: finishedMs, hash, verdict, station, order, uid };
}

function startUnit(checked: CheckedRecord, process: string, run: UnitRun): UnitRuns {
  const { serial, product } = checked.record;
  const boards = new Set<string>();
  const empty = { serial, product: product.id, process, runs: 0, first: null, last: run, pass: null, boards };
  const unit: UnitRuns = { ...empty, begunMs: run.ms };
  addRun(unit, checked, run);
  return unit;
}

function addRun(unit: UnitRuns, { record }: CheckedRecord, run: UnitRun): void {
  unit.runs += 1;
  unit.begunMs = Math.min(unit.begunMs, run.ms);
  if (isAttempt(record.verdict) && (unit.first === null || isBefore(run, unit.first))) unit.first = run;
  if (isBefore(unit.last, run)) unit.last = run;
  if (record.verdict !== 'PASS') return;
  if (unit.pass === null || isBefore(unit.pass, run)) unit.pass = run;
  if (run.uid !== null) unit.boards.add(run.uid);
}

function isBefore(a: UnitRun, b: UnitRun): boolean {
  return a.ms === b.ms ? a.hash < b.hash : a.ms < b.ms;
}
