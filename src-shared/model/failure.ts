import { z } from 'zod';

/** What a run ends with. FAIL is the unit's; ERROR is ours. INTERRUPTED is found after a restart. */
export const Verdict = z.enum(['PASS', 'FAIL', 'ERROR', 'ABORTED', 'INTERRUPTED']);
export type Verdict = z.infer<typeof Verdict>;

/** Who must act. */
export const Blame = z.enum(['unit', 'fixture', 'station', 'recipe', 'plant']);
export type Blame = z.infer<typeof Blame>;

interface FailureKind {
  readonly verdict: Exclude<Verdict, 'PASS'>;
  readonly blame: Blame;
}

/**
 * The one table of codes. Sentence and remedy stand under the same code in
 * `resources/locales/<language>/failures.json`; a test holds the two complete.
 */
export const FAILURES = {
  'verify-mismatch': { verdict: 'FAIL', blame: 'unit' },
  'flash-timeout': { verdict: 'FAIL', blame: 'unit' },
  'flash-refused': { verdict: 'FAIL', blame: 'unit' },
  'target-fault': { verdict: 'FAIL', blame: 'unit' },
  'target-stuck': { verdict: 'FAIL', blame: 'unit' },
  'identity-unreadable': { verdict: 'FAIL', blame: 'unit' },
  'no-target': { verdict: 'ERROR', blame: 'fixture' },
  'wire-noise': { verdict: 'ERROR', blame: 'fixture' },
  'wrong-chip': { verdict: 'ERROR', blame: 'recipe' },
  'chip-protected': { verdict: 'ERROR', blame: 'recipe' },
  'already-passed': { verdict: 'ERROR', blame: 'station' },
  'serial-pattern': { verdict: 'ERROR', blame: 'station' },
  'slot-busy': { verdict: 'ERROR', blame: 'station' },
  'slot-unknown': { verdict: 'ERROR', blame: 'station' },
  'probe-address': { verdict: 'ERROR', blame: 'station' },
  'probe-not-found': { verdict: 'ERROR', blame: 'station' },
  'probe-permission': { verdict: 'ERROR', blame: 'station' },
  'probe-lost': { verdict: 'ERROR', blame: 'station' },
  'probe-silent': { verdict: 'ERROR', blame: 'station' },
  'probe-protocol': { verdict: 'ERROR', blame: 'station' },
  'probe-unsuited': { verdict: 'ERROR', blame: 'station' },
  'file-missing': { verdict: 'ERROR', blame: 'recipe' },
  'file-unreadable': { verdict: 'ERROR', blame: 'recipe' },
  'image-syntax': { verdict: 'ERROR', blame: 'recipe' },
  'image-overlap': { verdict: 'ERROR', blame: 'recipe' },
  'image-empty': { verdict: 'ERROR', blame: 'recipe' },
  'image-format': { verdict: 'ERROR', blame: 'recipe' },
  'image-needs-address': { verdict: 'ERROR', blame: 'recipe' },
  'image-outside-memory': { verdict: 'ERROR', blame: 'recipe' },
  'image-writes-lock': { verdict: 'ERROR', blame: 'recipe' },
  'recipe-invalid': { verdict: 'ERROR', blame: 'recipe' },
  'chip-unknown': { verdict: 'ERROR', blame: 'recipe' },
  'chip-invalid': { verdict: 'ERROR', blame: 'station' },
  'interface-unsupported': { verdict: 'ERROR', blame: 'recipe' },
  'log-unwritable': { verdict: 'ERROR', blame: 'station' },
  'log-damaged': { verdict: 'ERROR', blame: 'station' },
  'bad-request': { verdict: 'ERROR', blame: 'station' },
  usage: { verdict: 'ERROR', blame: 'station' },
  internal: { verdict: 'ERROR', blame: 'station' },
  aborted: { verdict: 'ABORTED', blame: 'station' },
  interrupted: { verdict: 'INTERRUPTED', blame: 'station' },
} as const satisfies Record<string, FailureKind>;

export type FailureCode = keyof typeof FAILURES;
export const FailureCode = z.enum(Object.keys(FAILURES) as [FailureCode, ...FailureCode[]]);

/** Where it happened; only what is known. `line` counts from 1, `offset` in bytes from 0. */
export const Where = z
  .object({
    slot: z.string(),
    step: z.string(),
    file: z.string(),
    line: z.number().int(),
    path: z.string(),
    offset: z.number().int(),
    address: z.number().int(),
  })
  .partial();
export type Where = z.infer<typeof Where>;

/** A failure as plain data: what crosses the bridge, enters a record, and is put in words by a locale. */
export const Failure = z.object({
  code: FailureCode,
  blame: Blame,
  where: Where,
  /** Values for the sentence's placeholders, already formatted (addresses as hexAddress). */
  params: z.record(z.string(), z.string()),
  /** What was underneath, for engineers; never shown alone. */
  cause: z.string().optional(),
});
export type Failure = z.infer<typeof Failure>;

interface Details {
  readonly where?: Where;
  readonly params?: Record<string, string | number>;
  readonly cause?: unknown;
}

/** The only error our code throws on purpose. Anything else that surfaces is reported as `internal`. */
export class FlashlineError extends Error {
  override readonly name = 'FlashlineError';
  readonly failure: Failure;

  constructor(code: FailureCode, details: Details = {}) {
    const params = Object.fromEntries(Object.entries(details.params ?? {}).map(([key, value]) => [key, String(value)]));
    super(`${code} ${JSON.stringify({ ...details.where, ...params })}`, { cause: details.cause });
    this.failure = {
      code,
      blame: FAILURES[code].blame,
      where: details.where ?? {},
      params,
      ...(details.cause === undefined ? {} : { cause: describeCause(details.cause) }),
    };
  }
}

/** Any thrown value as a Failure, with `where` completed by what the catcher knows. */
export function toFailure(thrown: unknown, where: Where = {}): Failure {
  if (thrown instanceof FlashlineError) return { ...thrown.failure, where: { ...where, ...thrown.failure.where } };
  const code = thrown instanceof Error && thrown.name === 'AbortError' ? 'aborted' : 'internal';
  return { code, blame: FAILURES[code].blame, where, params: {}, cause: describeCause(thrown) };
}

export function verdictOf(failure: Failure): Verdict {
  return FAILURES[failure.code].verdict;
}

function describeCause(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause === undefined ? cause.message : `${cause.message}: ${describeCause(cause.cause)}`;
}
