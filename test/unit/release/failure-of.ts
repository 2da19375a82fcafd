import { type Failure, FlashlineError } from '#shared/model/failure.ts';

/** The failure that a call throws or rejects with; anything else that it throws is thrown on, and so is its success. */
export async function failureOf(call: () => unknown): Promise<Failure> {
  try {
    await call();
  } catch (error) {
    if (error instanceof FlashlineError) return error.failure;
    throw error;
  }
  throw new Error('it did not fail');
}
