import { toHex } from '#shared/base/bytes.ts';
import type { Clock, RandomBytes } from '#shared/base/clock.ts';
import type { IssueAnswer, IssueRequest, SignAnswer, SignRequest } from '#shared/contract/plant/signing-api.ts';
import { type FailureCode, FlashlineError } from '#shared/model/failure.ts';
import type { PlantSession } from './plant-session.ts';

export interface SigningIo {
  readonly session: PlantSession;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly signal: AbortSignal;
}

/** A signature beside the HSM takes milliseconds; an operator stands there with a board. */
export const SIGN_MS = 5000;
export const SIGN_ATTEMPTS = 4;
const FIRST_PAUSE_MS = 400;
/** Longer is not waited for what a key signs a minute. */
const LONGEST_WAIT_MS = 5000;

/** Where another try may end otherwise: nothing was refused. */
const PASSING: ReadonlySet<FailureCode> = new Set<FailureCode>([
  'plant-unreachable',
  'plant-database',
  'signing-unavailable',
  'too-many-requests',
]);

/**
 * Has the plant sign for one unit, a few times where that may help, always by the same request: however often it arrives there, there is
 * one signature. Rejects with the last failure.
 */
export async function signForUnit(order: Omit<SignRequest, 'request'>, io: SigningIo): Promise<SignAnswer> {
  const { session, random, signal } = io;
  const body = { ...order, request: toHex(random(16)) };
  return insisting(io, () => session.call('station.sign', { body }, { signal, deadlineMs: SIGN_MS }));
}

/** The same for a certificate. */
export async function issueForUnit(order: Omit<IssueRequest, 'request'>, io: SigningIo): Promise<IssueAnswer> {
  const { session, random, signal } = io;
  const body = { ...order, request: toHex(random(16)) };
  return insisting(io, () => session.call('station.issue', { body }, { signal, deadlineMs: SIGN_MS }));
}

/** Asks again, with pauses, where another try may end otherwise. Rejects with the last failure, `plant-needed` for silence. */
export async function insisting<T>(
  { clock, signal }: Pick<SigningIo, 'clock' | 'signal'>,
  ask: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await ask();
    } catch (thrown) {
      if (signal.aborted) throw signal.reason;
      const pauseMs = pauseBefore(attempt, thrown);
      if (pauseMs === null) throw asNeeded(thrown);
      await clock.sleep(pauseMs, signal);
    }
  }
}

/** A plant that is away lets work go on, but not for a unit that is waiting for it. */
function asNeeded(thrown: unknown): unknown {
  if (!(thrown instanceof FlashlineError) || thrown.failure.code !== 'plant-unreachable') return thrown;
  return new FlashlineError('plant-needed', {
    params: { url: thrown.failure.params['url'] ?? '' },
    cause: thrown.failure.cause,
  });
}

/** Null where it is not asked again. */
function pauseBefore(attempt: number, thrown: unknown): number | null {
  if (attempt >= SIGN_ATTEMPTS || !(thrown instanceof FlashlineError)) return null;
  const { code, params } = thrown.failure;
  if (!PASSING.has(code)) return null;
  if (code !== 'too-many-requests') return FIRST_PAUSE_MS * 2 ** (attempt - 1);
  const askedMs = Number(params['seconds']) * 1000 || FIRST_PAUSE_MS;
  return askedMs <= LONGEST_WAIT_MS ? askedMs : null;
}
