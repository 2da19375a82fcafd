import { type Failure, toFailure, verdictOf, type Where } from '#shared/model/failure.ts';

interface HowFar {
  readonly signal: AbortSignal;
  readonly where: Where;
  /** The unit is written and proven, and waits for somebody to release its locks. */
  readonly waitsForRelease: boolean;
  readonly mayHaveChanged: boolean;
}

/**
 * What a run ended by. A link torn by an abort may say so in words of its own: then it is the abort, unless a fault of the unit was
 * found, which stays one, or the log could not be written.
 */
export function runFailure(thrown: unknown, run: HowFar): Failure {
  const failure = toFailure(thrown, run.where);
  if (!run.signal.aborted || verdictOf(failure) === 'FAIL' || failure.code === 'log-unwritable') return failure;
  const reason = abortReason(run);
  return thrown === run.signal.reason ? reason : { ...reason, cause: failure.cause ?? failure.code };
}

/** Whoever aborts cannot know how far the run was; the operator must. */
function abortReason({ signal, where, waitsForRelease, mayHaveChanged }: HowFar): Failure {
  const reason = toFailure(signal.reason, where);
  if (reason.code !== 'aborted') return reason;
  if (waitsForRelease) return { ...reason, code: 'aborted-before-locks' };
  return mayHaveChanged ? reason : { ...reason, code: 'aborted-untouched' };
}
