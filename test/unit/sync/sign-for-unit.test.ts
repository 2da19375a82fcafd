import { describe, expect, it } from 'vitest';
import { realRandom } from '#main/app/real-clock.ts';
import type { PlantSession } from '#main/sync/plant-session.ts';
import { SIGN_ATTEMPTS, SIGN_MS, signForUnit } from '#main/sync/sign-for-unit.ts';
import type { Clock } from '#shared/base/clock.ts';
import type { SignRequest } from '#shared/contract/plant/signing-api.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { failureOf } from '../release/failure-of.ts';

const ORDER = {
  key: 'k',
  algorithm: 'ecdsa-p256-sha256',
  digest: 'ab'.repeat(32),
  product: 'hello',
  release: 'c'.repeat(64),
  serial: 'HB1',
  uid: null,
} as const;

/** A plant that ends each attempt as it is told, the last one again and again; time passes at once. */
function plantWith(...ends: readonly (FlashlineError | 'signed')[]) {
  const requests: string[] = [];
  const deadlines: (number | undefined)[] = [];
  const waited: number[] = [];
  const session = {
    call(_name: string, { body }: { body: SignRequest }, { deadlineMs }: { deadlineMs?: number }) {
      const end = ends[Math.min(requests.length, ends.length - 1)];
      requests.push(body.request);
      deadlines.push(deadlineMs);
      return end === 'signed' ? Promise.resolve({ request: body.request }) : Promise.reject(end);
    },
  } as unknown as PlantSession;
  const clock: Clock = {
    now: () => 0,
    monotonic: () => 0,
    async sleep(ms, signal) {
      waited.push(ms);
      signal?.throwIfAborted();
    },
  };
  const io = (signal = new AbortController().signal) => ({ session, clock, random: realRandom, signal });
  return { requests, deadlines, waited, io };
}

const gone = new FlashlineError('plant-unreachable', { params: { url: 'https://plant' } });
const unavailable = new FlashlineError('signing-unavailable', { params: { detail: 'no token' } });
const busy = (seconds: number) => new FlashlineError('too-many-requests', { params: { seconds } });

describe('a signature for a unit', () => {
  it('is asked for again by the same request where the answer was lost, and has its deadline each time', async () => {
    const { requests, deadlines, io } = plantWith(gone, unavailable, 'signed');
    const { request } = await signForUnit(ORDER, io());
    expect(requests).toEqual([request, request, request]);
    expect(request).toMatch(/^[0-9a-f]{32}$/);
    expect(new Set(deadlines)).toEqual(new Set([SIGN_MS]));
    const other = plantWith('signed');
    expect((await signForUnit(ORDER, other.io())).request).not.toBe(request);
  });

  it('that fails again and again is given up, with the last reason', async () => {
    const { requests, waited, io } = plantWith(gone, gone, gone, unavailable);
    expect((await failureOf(() => signForUnit(ORDER, io()))).code).toBe('signing-unavailable');
    expect([requests.length, waited.length]).toEqual([SIGN_ATTEMPTS, SIGN_ATTEMPTS - 1]);
    expect(waited.reduce((sum, ms) => sum + ms, 0)).toBeLessThan(5000);
  });

  it('says of a plant that stays away that this unit needs it: others may go on', async () => {
    const failure = await failureOf(() => signForUnit(ORDER, plantWith(gone).io()));
    expect(failure).toMatchObject({ code: 'plant-needed', blame: 'plant', params: { url: 'https://plant' } });
  });

  it('that is refused is not asked for again', async () => {
    for (const code of ['signing-refused', 'station-revoked', 'plant-untrusted'] as const) {
      const params = { key: 'k', reason: 'x', station: 'L1', detail: 'x' };
      const { requests, io } = plantWith(new FlashlineError(code, { params }));
      expect((await failureOf(() => signForUnit(ORDER, io()))).code).toBe(code);
      expect(requests).toHaveLength(1);
    }
  });

  it('waits as long as the key’s rate asks, if that is not long', async () => {
    const soon = plantWith(busy(3), 'signed');
    await signForUnit(ORDER, soon.io());
    expect(soon.waited).toEqual([3000]);
    const late = plantWith(busy(30), 'signed');
    expect((await failureOf(() => signForUnit(ORDER, late.io()))).code).toBe('too-many-requests');
    expect(late.requests).toHaveLength(1);
  });

  it('ends when it is cancelled, between attempts too', async () => {
    const { requests, io } = plantWith(gone);
    const reason = new FlashlineError('aborted');
    await expect(signForUnit(ORDER, io(AbortSignal.abort(reason)))).rejects.toBe(reason);
    expect(requests.length).toBeLessThanOrEqual(1);
  });
});
