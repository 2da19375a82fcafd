import { type FailureCode, FlashlineError } from '#shared/model/failure.ts';

/** Also of a failure that came from the plant. */
export function hasCode(thrown: unknown, ...codes: readonly FailureCode[]): boolean {
  return thrown instanceof FlashlineError && codes.includes(thrown.failure.code);
}
