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
  /** The placeholders of its sentences; whoever throws the code must fill every one. */
  readonly params: readonly string[];
}

/**
 * The one table of codes. Sentence and remedy stand under the same code in
 * `resources/locales/<language>/failures.json`; a test holds the two complete.
 */
export const FAILURES = {
  'verify-mismatch': { verdict: 'FAIL', blame: 'unit', params: ['address', 'expected', 'found'] },
  'keep-changed': { verdict: 'FAIL', blame: 'unit', params: ['name', 'address'] },
  'flash-timeout': { verdict: 'FAIL', blame: 'unit', params: ['address', 'seconds'] },
  'flash-refused': { verdict: 'FAIL', blame: 'unit', params: ['address'] },
  'target-fault': { verdict: 'FAIL', blame: 'unit', params: ['address'] },
  'target-stuck': { verdict: 'FAIL', blame: 'unit', params: ['seconds'] },
  'identity-unreadable': { verdict: 'FAIL', blame: 'unit', params: ['register'] },
  'no-target': { verdict: 'ERROR', blame: 'fixture', params: [] },
  'wire-noise': { verdict: 'ERROR', blame: 'fixture', params: ['detail'] },
  'bus-stuck': { verdict: 'ERROR', blame: 'fixture', params: ['line'] },
  'element-refused': { verdict: 'FAIL', blame: 'unit', params: ['command', 'status'] },
  'lock-failed': { verdict: 'FAIL', blame: 'unit', params: ['lock', 'expected', 'found'] },
  'lock-unsuited': { verdict: 'ERROR', blame: 'recipe', params: ['lock', 'detail'] },
  'lock-not-released': { verdict: 'ERROR', blame: 'station', params: ['roles', 'minutes'] },
  'lock-release-no-plant': { verdict: 'ERROR', blame: 'station', params: ['roles'] },
  'unit-changed': { verdict: 'ERROR', blame: 'station', params: ['expected', 'found'] },
  'memory-locked': { verdict: 'FAIL', blame: 'unit', params: ['address', 'lock'] },
  'not-provable': { verdict: 'ERROR', blame: 'recipe', params: ['address', 'detail'] },
  'wrong-chip': { verdict: 'ERROR', blame: 'recipe', params: ['expected', 'register', 'found'] },
  'unlock-failed': { verdict: 'FAIL', blame: 'unit', params: ['chip', 'found'] },
  'chip-protected': { verdict: 'ERROR', blame: 'recipe', params: ['chip'] },
  'blocks-protected': { verdict: 'ERROR', blame: 'recipe', params: ['chip', 'found'] },
  'already-passed': { verdict: 'ERROR', blame: 'station', params: ['serial', 'when'] },
  'serial-pattern': { verdict: 'ERROR', blame: 'station', params: ['serial', 'pattern'] },
  'check-digit': { verdict: 'ERROR', blame: 'station', params: ['serial', 'position'] },
  'label-form': { verdict: 'ERROR', blame: 'station', params: ['code'] },
  'label-damaged': { verdict: 'ERROR', blame: 'station', params: ['code', 'position', 'detail'] },
  'label-incomplete': { verdict: 'ERROR', blame: 'station', params: ['code', 'element'] },
  'label-other-product': { verdict: 'ERROR', blame: 'station', params: ['element', 'found', 'expected'] },
  'label-other-order': { verdict: 'ERROR', blame: 'station', params: ['found', 'expected'] },
  'label-other-unit': { verdict: 'ERROR', blame: 'station', params: ['field', 'label', 'found'] },
  'slot-busy': { verdict: 'ERROR', blame: 'station', params: ['slot'] },
  'slot-empty': { verdict: 'ERROR', blame: 'station', params: ['slot'] },
  'reflash-in-production': { verdict: 'ERROR', blame: 'station', params: [] },
  'nothing-to-rework': { verdict: 'ERROR', blame: 'station', params: [] },
  'no-release': { verdict: 'ERROR', blame: 'station', params: [] },
  'slot-unknown': { verdict: 'ERROR', blame: 'station', params: ['slot'] },
  'probe-address': { verdict: 'ERROR', blame: 'station', params: ['url', 'expected'] },
  'probe-not-found': { verdict: 'ERROR', blame: 'station', params: ['url'] },
  'probe-ambiguous': { verdict: 'ERROR', blame: 'station', params: ['url', 'candidates'] },
  'probe-permission': { verdict: 'ERROR', blame: 'station', params: ['url'] },
  'probe-busy': { verdict: 'ERROR', blame: 'station', params: ['url'] },
  'probe-lost': { verdict: 'ERROR', blame: 'station', params: ['url'] },
  'probe-silent': { verdict: 'ERROR', blame: 'station', params: ['url', 'seconds'] },
  'probe-protocol': { verdict: 'ERROR', blame: 'station', params: ['url', 'detail'] },
  'probe-unsuited': { verdict: 'ERROR', blame: 'station', params: ['url', 'detail'] },
  'drive-unmounted': { verdict: 'ERROR', blame: 'station', params: ['url', 'device'] },
  'boot-loader-stays': { verdict: 'ERROR', blame: 'fixture', params: ['seconds'] },
  'file-missing': { verdict: 'ERROR', blame: 'recipe', params: ['file'] },
  'file-unreadable': { verdict: 'ERROR', blame: 'recipe', params: ['file'] },
  'file-unwritable': { verdict: 'ERROR', blame: 'recipe', params: ['file'] },
  'image-syntax': { verdict: 'ERROR', blame: 'recipe', params: ['expected'] },
  'image-overlap': { verdict: 'ERROR', blame: 'recipe', params: ['address'] },
  'image-empty': { verdict: 'ERROR', blame: 'recipe', params: ['file'] },
  'image-format': { verdict: 'ERROR', blame: 'recipe', params: ['file'] },
  'image-family': { verdict: 'ERROR', blame: 'recipe', params: ['file', 'found', 'wanted'] },
  'image-needs-address': { verdict: 'ERROR', blame: 'recipe', params: ['file'] },
  'image-other-device': { verdict: 'ERROR', blame: 'recipe', params: ['file', 'found', 'expected'] },
  'image-outside-memory': { verdict: 'ERROR', blame: 'recipe', params: ['address', 'chip'] },
  'flash-encrypted': { verdict: 'ERROR', blame: 'recipe', params: ['chip'] },
  'secure-boot': { verdict: 'ERROR', blame: 'recipe', params: ['chip'] },
  'secure-download': { verdict: 'ERROR', blame: 'recipe', params: ['chip'] },
  'flash-missing': { verdict: 'FAIL', blame: 'unit', params: ['id'] },
  'flash-too-small': { verdict: 'FAIL', blame: 'unit', params: ['found', 'needed'] },
  'image-format-esp': { verdict: 'ERROR', blame: 'recipe', params: ['file', 'chip'] },
  'image-wrong-chip': { verdict: 'ERROR', blame: 'recipe', params: ['file', 'found', 'expected'] },
  'image-damaged': { verdict: 'ERROR', blame: 'recipe', params: ['file', 'detail'] },
  'image-flash-settings': { verdict: 'ERROR', blame: 'recipe', params: ['file', 'detail'] },
  'image-revision': { verdict: 'ERROR', blame: 'recipe', params: ['address', 'needed', 'found'] },
  'partition-table': { verdict: 'ERROR', blame: 'recipe', params: ['address', 'detail'] },
  'partition-too-small': { verdict: 'ERROR', blame: 'recipe', params: ['file', 'partition', 'found', 'needed'] },
  'signature-missing': { verdict: 'ERROR', blame: 'recipe', params: ['file', 'detail'] },
  'signature-wrong': { verdict: 'ERROR', blame: 'recipe', params: ['file', 'detail'] },
  'value-missing': { verdict: 'ERROR', blame: 'station', params: ['source', 'serial'] },
  'value-unsuited': { verdict: 'ERROR', blame: 'recipe', params: ['field', 'detail'] },
  'plant-data-missing': { verdict: 'ERROR', blame: 'plant', params: ['command'] },
  'plant-command-refused': { verdict: 'ERROR', blame: 'plant', params: ['command', 'reason'] },
  'plant-command-failed': { verdict: 'ERROR', blame: 'plant', params: ['command', 'detail'] },
  'plant-command-wrong': { verdict: 'ERROR', blame: 'plant', params: ['command', 'detail'] },
  'nvs-invalid': { verdict: 'ERROR', blame: 'recipe', params: ['detail'] },
  'image-writes-lock': { verdict: 'ERROR', blame: 'recipe', params: ['lock', 'address'] },
  'recipe-invalid': { verdict: 'ERROR', blame: 'recipe', params: ['detail'] },
  'chip-unknown': { verdict: 'ERROR', blame: 'recipe', params: ['chip', 'known'] },
  'chip-invalid': { verdict: 'ERROR', blame: 'station', params: ['file', 'detail'] },
  'svf-syntax': { verdict: 'ERROR', blame: 'recipe', params: ['expected'] },
  'svf-unsupported': { verdict: 'ERROR', blame: 'recipe', params: ['detail'] },
  'svf-mismatch': { verdict: 'FAIL', blame: 'unit', params: ['bit', 'expected', 'found', 'mask'] },
  'pack-invalid': { verdict: 'ERROR', blame: 'recipe', params: ['file', 'detail'] },
  'package-invalid': { verdict: 'ERROR', blame: 'recipe', params: ['file', 'detail'] },
  'release-newer': { verdict: 'ERROR', blame: 'station', params: ['file', 'what', 'schema', 'known'] },
  'release-key-unusable': { verdict: 'ERROR', blame: 'recipe', params: ['file', 'detail'] },
  'trust-unreadable': { verdict: 'ERROR', blame: 'station', params: ['file', 'detail'] },
  'release-unsigned': { verdict: 'ERROR', blame: 'recipe', params: ['release'] },
  'release-sealed': { verdict: 'ERROR', blame: 'recipe', params: ['file'] },
  'release-signature': { verdict: 'ERROR', blame: 'recipe', params: ['file', 'detail'] },
  'release-key-unknown': { verdict: 'ERROR', blame: 'recipe', params: ['file', 'key'] },
  'release-key-early': { verdict: 'ERROR', blame: 'recipe', params: ['name', 'key', 'from'] },
  'release-key-ended': { verdict: 'ERROR', blame: 'recipe', params: ['name', 'key', 'until'] },
  'interface-unsupported': { verdict: 'ERROR', blame: 'recipe', params: ['interface', 'chip'] },
  'log-unwritable': { verdict: 'ERROR', blame: 'station', params: ['file'] },
  'log-damaged': { verdict: 'ERROR', blame: 'station', params: ['file', 'detail'] },
  'log-nearly-full': { verdict: 'ERROR', blame: 'station', params: ['file', 'free'] },
  'log-slow': { verdict: 'ERROR', blame: 'station', params: ['file', 'ms'] },
  'log-full': { verdict: 'ERROR', blame: 'station', params: ['file'] },
  'log-opening-stopped': { verdict: 'ABORTED', blame: 'station', params: [] },
  'log-set-aside': { verdict: 'ERROR', blame: 'station', params: ['file', 'detail'] },
  'log-end-lost': { verdict: 'ERROR', blame: 'station', params: ['first', 'last'] },
  'key-unavailable': { verdict: 'ERROR', blame: 'station', params: ['detail'] },
  'plant-unreachable': { verdict: 'ERROR', blame: 'plant', params: ['url'] },
  'plant-needed': { verdict: 'ERROR', blame: 'plant', params: ['url'] },
  'plant-untrusted': { verdict: 'ERROR', blame: 'plant', params: ['detail'] },
  'plant-protocol': { verdict: 'ERROR', blame: 'plant', params: ['detail'] },
  'plant-database': { verdict: 'ERROR', blame: 'plant', params: [] },
  'plant-keys': { verdict: 'ERROR', blame: 'plant', params: ['detail'] },
  'plant-schema': { verdict: 'ERROR', blame: 'plant', params: ['detail'] },
  'not-enrolled': { verdict: 'ERROR', blame: 'station', params: [] },
  'badge-unknown': { verdict: 'ERROR', blame: 'station', params: [] },
  'setting-unknown': { verdict: 'ERROR', blame: 'station', params: ['name', 'known'] },
  'setting-value': { verdict: 'ERROR', blame: 'station', params: ['name', 'value', 'allowed'] },
  'setting-no-role': { verdict: 'ERROR', blame: 'station', params: ['name', 'setting', 'roles'] },
  'badge-no-role': { verdict: 'ERROR', blame: 'station', params: ['name', 'roles'] },
  'enrolment-refused': { verdict: 'ERROR', blame: 'plant', params: ['detail'] },
  'station-revoked': { verdict: 'ERROR', blame: 'plant', params: ['station'] },
  'signed-out': { verdict: 'ERROR', blame: 'plant', params: [] },
  'sign-in-refused': { verdict: 'ERROR', blame: 'plant', params: [] },
  'not-allowed': { verdict: 'ERROR', blame: 'plant', params: ['roles'] },
  'second-person': { verdict: 'ERROR', blame: 'plant', params: [] },
  'too-many-requests': { verdict: 'ERROR', blame: 'plant', params: ['seconds'] },
  'too-large': { verdict: 'ERROR', blame: 'plant', params: ['limit'] },
  'not-found': { verdict: 'ERROR', blame: 'plant', params: ['what'] },
  'state-conflict': { verdict: 'ERROR', blame: 'plant', params: ['detail'] },
  'chain-gap': { verdict: 'ERROR', blame: 'plant', params: ['expected'] },
  'chain-broken': { verdict: 'ERROR', blame: 'station', params: ['sequence', 'detail'] },
  'record-newer': { verdict: 'ERROR', blame: 'plant', params: ['schema'] },
  'counter-used-up': { verdict: 'ERROR', blame: 'recipe', params: ['counter', 'last'] },
  'list-used-up': { verdict: 'ERROR', blame: 'station', params: ['list'] },
  'list-missing': { verdict: 'ERROR', blame: 'station', params: ['list'] },
  'list-invalid': { verdict: 'ERROR', blame: 'recipe', params: ['file', 'detail'] },
  'serial-not-listed': { verdict: 'ERROR', blame: 'station', params: ['serial', 'list'] },
  'serial-not-issued': { verdict: 'ERROR', blame: 'station', params: ['serial'] },
  'serial-from-label': { verdict: 'ERROR', blame: 'station', params: [] },
  'mac-duplicate': { verdict: 'ERROR', blame: 'station', params: ['mac', 'serial', 'when'] },
  'mac-elsewhere': { verdict: 'ERROR', blame: 'plant', params: ['mac', 'serial'] },
  'lease-ended': { verdict: 'ERROR', blame: 'plant', params: ['since'] },
  'numbers-used-up': { verdict: 'ERROR', blame: 'plant', params: ['pool'] },
  'route-missing': { verdict: 'ERROR', blame: 'plant', params: ['serial', 'after'] },
  'passed-elsewhere': { verdict: 'ERROR', blame: 'plant', params: ['serial', 'station', 'when'] },
  'release-withdrawn': { verdict: 'ERROR', blame: 'plant', params: ['release'] },
  'signing-unavailable': { verdict: 'ERROR', blame: 'plant', params: ['detail'] },
  'signing-refused': { verdict: 'ERROR', blame: 'plant', params: ['key', 'reason'] },
  'signing-wrong': { verdict: 'ERROR', blame: 'plant', params: ['key', 'detail'] },
  'bad-request': { verdict: 'ERROR', blame: 'station', params: ['detail'] },
  usage: { verdict: 'ERROR', blame: 'station', params: ['detail'] },
  internal: { verdict: 'ERROR', blame: 'station', params: [] },
  'aborted-untouched': { verdict: 'ABORTED', blame: 'station', params: [] },
  'aborted-before-locks': { verdict: 'ABORTED', blame: 'station', params: [] },
  aborted: { verdict: 'ABORTED', blame: 'station', params: [] },
  'interrupted-untouched': { verdict: 'INTERRUPTED', blame: 'station', params: [] },
  'interrupted-opening': { verdict: 'INTERRUPTED', blame: 'station', params: [] },
  interrupted: { verdict: 'INTERRUPTED', blame: 'station', params: [] },
  'interrupted-finishing': { verdict: 'INTERRUPTED', blame: 'station', params: [] },
  'interrupted-locking': { verdict: 'INTERRUPTED', blame: 'station', params: [] },
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

type ParamsOf<C extends FailureCode> = Record<(typeof FAILURES)[C]['params'][number], string | number>;

type Details<C extends FailureCode> = {
  readonly where?: Where;
  readonly cause?: unknown;
} & ((typeof FAILURES)[C]['params'] extends readonly [] ? unknown : { readonly params: ParamsOf<C> });

type DetailsArgument<C extends FailureCode> = (typeof FAILURES)[C]['params'] extends readonly []
  ? [details?: Details<C>]
  : [details: Details<C>];

/** The only error our code throws on purpose. Anything else that surfaces is reported as `internal`. */
export class FlashlineError<C extends FailureCode = FailureCode> extends Error {
  override readonly name = 'FlashlineError';
  readonly failure: Failure;

  constructor(code: C, ...[details]: DetailsArgument<C>) {
    const given: { where?: Where; cause?: unknown; params?: Record<string, string | number> } = details ?? {};
    const params = Object.fromEntries(Object.entries(given.params ?? {}).map(([key, value]) => [key, String(value)]));
    super(`${code} ${JSON.stringify({ ...given.where, ...params })}`, { cause: given.cause });
    this.failure = {
      code,
      blame: FAILURES[code].blame,
      where: given.where ?? {},
      params,
      ...(given.cause === undefined ? {} : { cause: describeCause(given.cause) }),
    };
  }
}

/** Any thrown value as a Failure, with `where` completed by what the catcher knows. */
export function toFailure(thrown: unknown, where: Where = {}): Failure {
  if (thrown instanceof FlashlineError) return { ...thrown.failure, where: { ...where, ...thrown.failure.where } };
  const code = thrown instanceof Error && thrown.name === 'AbortError' ? 'aborted' : 'internal';
  return { code, blame: FAILURES[code].blame, where, params: {}, cause: describeCause(thrown) };
}

/** A failure that came from another thread or computer, as an error again. */
export function asError(failure: Failure): FlashlineError {
  const { code, where, params, cause } = failure;
  const message = `${code} ${JSON.stringify({ ...where, ...params })}`;
  return Object.assign(new FlashlineError('internal', { cause }), { failure, message });
}

export function verdictOf(failure: Failure): Verdict {
  return FAILURES[failure.code].verdict;
}

function describeCause(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause === undefined ? cause.message : `${cause.message}: ${describeCause(cause.cause)}`;
}
