import { hexAddress } from '#shared/base/bytes.ts';
import { type Failure, type FailureCode, FAILURES, type Verdict } from '#shared/model/failure.ts';
import type { FailureText } from '../../station/options.ts';
import type { CliContext, ExitCode } from './command.ts';

/** What was typed, not what the station did, is at fault. */
const TYPED: ReadonlySet<FailureCode> = new Set<FailureCode>([
  'usage',
  'bad-request',
  'serial-pattern',
  'slot-unknown',
  'slot-empty',
  'nothing-to-rework',
  'no-release',
  'probe-address',
  'setting-unknown',
  'setting-value',
]);

export function exitCodeOf(verdict: Verdict, failure: Pick<Failure, 'code' | 'blame'> | null): ExitCode {
  if (verdict === 'PASS') return 0;
  if (verdict === 'FAIL') return 1;
  if (verdict === 'ABORTED') return 4;
  return failure && (failure.blame === 'recipe' || TYPED.has(failure.code)) ? 2 : 3;
}

/** A failure outside of a run: to stderr in words, with `--json` to stdout as one object. */
export function reportFailure(failure: Failure, json: boolean, context: CliContext): ExitCode {
  const text = context.describeFailure(failure);
  const { verdict } = FAILURES[failure.code];
  if (json) context.print(JSON.stringify({ type: 'failed', ...failure, ...text }));
  else for (const line of [verdict, ...failureLines(failure, text)]) context.say(line);
  return exitCodeOf(verdict, failure);
}

/** What changes no result, in one line. */
export function warningLine(failure: Failure, context: CliContext): string {
  return `Note: ${context.describeFailure(failure).message} ${failure.cause ?? ''}`.trimEnd();
}

/** What, where, why and what to do, a line each. */
export function failureLines(failure: Failure, text: Partial<FailureText>): string[] {
  const where = whereText(failure);
  return [
    `  What:   ${text.message ?? failure.code}`,
    ...(where ? [`  Where:  ${where}`] : []),
    ...(failure.cause === undefined ? [] : [`  Why:    ${failure.cause}`]),
    ...(text.remedy === undefined ? [] : [`  To do:  ${text.remedy}`]),
    `  Code:   ${failure.code} (to act: ${failure.blame})`,
  ];
}

function whereText({ where }: Failure): string {
  const { slot, step, file, line, path, offset, address } = where;
  const parts = [
    slot === undefined ? null : `slot ${slot}`,
    step === undefined ? null : `step ${step}`,
    file === undefined ? null : `${file}${line === undefined ? '' : `:${line}`}`,
    path === undefined ? null : `at ${path}`,
    offset === undefined ? null : `byte ${offset}`,
    address === undefined ? null : `address ${hexAddress(address)}`,
  ];
  return parts.filter((part) => part !== null).join(', ');
}
