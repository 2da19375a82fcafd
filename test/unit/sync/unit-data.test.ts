import { createHash } from 'node:crypto';
import { assert, asyncProperty, constantFrom } from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { realRandom } from '#main/app/real-clock.ts';
import type { Enrolment } from '#main/log/plant-store.ts';
import type { PlantSession } from '#main/sync/plant-session.ts';
import { SIGN_ATTEMPTS } from '#main/sync/sign-for-unit.ts';
import { UNIT_DATA_MS, unitDataFromPlant } from '#main/sync/unit-data.ts';
import type { Clock } from '#shared/base/clock.ts';
import { askedDigest, type UnitDataAnswer, type UnitDataRequest } from '#shared/contract/plant/command-api.ts';
import { STATEMENTS } from '#shared/contract/plant/station-api.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { newSigner } from '#test/support/plant-chain.ts';
import { failureOf } from '../release/failure-of.ts';

const ORDER: Omit<UnitDataRequest, 'request'> = {
  command: 'licence',
  product: 'hello',
  revision: 'A',
  release: 'c'.repeat(64),
  serial: 'HB1',
  uid: null,
  macs: [],
  run: 'r',
  order: null,
  values: {},
  atLeast: 1,
  atMost: 8,
};
const plantKey = await newSigner();
const enrolment = {
  station: 'L1',
  plant: { name: 'Plant 1', publicKey: plantKey.publicKey },
} as unknown as Enrolment;
const BLOB = Uint8Array.of(1, 2, 255);
const AT = '2026-03-01T12:00:00.000Z';

interface Bent {
  readonly said?: object;
  readonly data?: Uint8Array;
  readonly signer?: Awaited<ReturnType<typeof newSigner>>;
  readonly typ?: string;
}

async function made(request: UnitDataRequest, bent: Bent = {}): Promise<UnitDataAnswer> {
  const { data = BLOB, signer = plantKey, typ = STATEMENTS.unitData } = bent;
  const sha256 = createHash('sha256').update(data).digest('hex');
  const mine = { station: 'L1', request: request.request, asked: askedDigest(request), command: 'licence', use: 'u' };
  const said = { ...mine, sha256, size: data.length, madeAt: AT, again: false, ...bent.said };
  return { state: 'made', statement: await signer.sign(said, typ), data: Buffer.from(data).toString('base64') };
}

type End = FlashlineError | 'working' | Bent;

/** A plant that ends each attempt as it is told, the last one again and again; time passes as it is waited for. */
function plantWith(...ends: readonly End[]) {
  const requests: string[] = [];
  const deadlines: (number | undefined)[] = [];
  let nowMs = 0;
  const session = {
    async call(_: string, { body }: { body: UnitDataRequest }, { deadlineMs }: { deadlineMs?: number }) {
      const end = ends[Math.min(requests.length, ends.length - 1)];
      requests.push(body.request);
      deadlines.push(deadlineMs);
      if (end instanceof FlashlineError) throw end;
      return end === 'working' ? { state: 'working' } : made(body, end);
    },
  } as unknown as PlantSession;
  const clock: Clock = {
    now: () => nowMs,
    monotonic: () => nowMs,
    async sleep(ms, signal) {
      signal?.throwIfAborted();
      nowMs += ms;
    },
  };
  const ask = (signal = new AbortController().signal) =>
    unitDataFromPlant(ORDER, enrolment, { session, clock, random: realRandom, signal });
  return { requests, deadlines, ask, waited: () => nowMs };
}

const gone = new FlashlineError('plant-unreachable', { params: { url: 'https://plant' } });

describe('what the plant makes for a unit', () => {
  it('is taken with the plant’s own word for it, and noted for the record', async () => {
    const { ask, requests, deadlines } = plantWith({});
    const { data, note } = await ask();
    const sha256 = createHash('sha256').update(BLOB).digest('hex');
    expect(data).toEqual(BLOB);
    const mine = { command: 'licence', plant: 'Plant 1', request: requests[0], use: 'u', again: false };
    expect(note).toEqual({ ...mine, sha256, size: 3, madeAt: AT });
    expect(deadlines).toEqual([UNIT_DATA_MS]);
  });

  it('is asked for by one request, through lost answers and long work', async () => {
    const { ask, requests } = plantWith(gone, 'working', gone, gone, gone, 'working', {});
    const { note } = await ask();
    expect([requests.length, new Set(requests)]).toEqual([7, new Set([note.request])]);
    const other = plantWith({});
    expect((await other.ask()).note.request).not.toBe(note.request);
  });

  it('is given up where nothing comes of it', async () => {
    const dead = plantWith(gone);
    expect((await failureOf(() => dead.ask())).code).toBe('plant-needed');
    expect(dead.requests).toHaveLength(SIGN_ATTEMPTS);
    const slow = plantWith('working');
    expect((await failureOf(() => slow.ask())).code).toBe('plant-command-failed');
    expect(slow.waited()).toBeLessThan(130_000);
    const refused = new FlashlineError('plant-command-refused', { params: { command: 'licence', reason: 'x' } });
    const no = plantWith(refused);
    await expect(no.ask()).rejects.toBe(refused);
    expect(no.requests).toHaveLength(1);
    const old = plantWith(new FlashlineError('not-found', { params: { what: '' } }));
    expect(await failureOf(() => old.ask())).toMatchObject({ code: 'plant-data-missing', blame: 'plant' });
  });

  it('ends when it is cancelled', async () => {
    const reason = new FlashlineError('aborted');
    for (const end of [gone, 'working'] as const)
      await expect(plantWith(end).ask(AbortSignal.abort(reason))).rejects.toBe(reason);
  });

  it('is not taken from anybody else, for anything else, or as other bytes', async () => {
    const other = await newSigner();
    const bent: readonly Bent[] = [
      { signer: other },
      { typ: STATEMENTS.numberLease },
      { said: { station: 'L2' } },
      { said: { request: 'another-request-0001' } },
      { said: { asked: 'a'.repeat(64) } },
      { said: { sha256: 'a'.repeat(64) } },
      { said: { size: 2 } },
      { said: { size: 'x' } },
      { data: new Uint8Array(9) },
    ];
    const property = asyncProperty(constantFrom(...bent), async (each) => {
      const { ask, requests } = plantWith(each);
      expect(await failureOf(() => ask())).toMatchObject({ code: 'plant-command-wrong', blame: 'plant' });
      expect(requests).toHaveLength(1);
    });
    await assert(property, { numRuns: 40 });
  });
});
