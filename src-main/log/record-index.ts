import { facetsOf } from '#shared/model/facets.ts';
import { DEFAULT_PROCESS, isSimulated, type UnitRecord } from '#shared/model/unit-record.ts';
import { isAttempt } from '#shared/model/yield.ts';

type Run = (sql: string, ...values: (string | number)[]) => unknown;

const FACET = 'INSERT INTO facets (facet, sequence) VALUES (?, ?)';

/** A computer's clock may be set back: an attempt that finished earlier is the first one, wherever it stands in the chain. */
const ATTEMPT = `
  INSERT INTO units (simulated, product, serial, process, first_at, first_sequence, first_passed, passed)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (simulated, product, serial, process) DO UPDATE SET
    passed         = passed OR excluded.passed,
    first_passed   = iif(excluded.first_at < first_at, excluded.first_passed, first_passed),
    first_sequence = iif(excluded.first_at < first_at, excluded.first_sequence, first_sequence),
    first_at       = min(first_at, excluded.first_at)
  WHERE excluded.first_at < first_at OR excluded.passed > passed`;

/** What queries find a record by, beside its row; in the row's own transaction, in chain order. */
export function indexRecord(record: UnitRecord, run: Run): void {
  for (const facet of facetsOf(record)) run(FACET, facet, record.sequence);
  const { product, serial, process, finishedAt, sequence, verdict } = record;
  if (!isAttempt(verdict)) return;
  const passed = Number(verdict === 'PASS');
  const unit = [Number(isSimulated(record)), product.id, serial, process ?? DEFAULT_PROCESS] as const;
  run(ATTEMPT, ...unit, finishedAt, sequence, passed, passed);
}
