import { type Failure, type FailureCode, FlashlineError } from '#shared/model/failure.ts';

/** The failure that a call throws; anything else that it throws is thrown on, and so is its success. */
export function failureOf(call: () => unknown): Failure {
  try {
    call();
  } catch (error) {
    if (error instanceof FlashlineError) return error.failure;
    throw error;
  }
  throw new Error('it did not fail');
}

export function text(...lines: readonly string[]): Uint8Array {
  return new TextEncoder().encode(lines.join('\n'));
}

/** The code of what a call throws; undefined where it throws nothing. What is not ours is thrown on. */
export function codeOf(call: () => unknown): FailureCode | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    if (error instanceof FlashlineError) return error.failure.code;
    throw error;
  }
}
