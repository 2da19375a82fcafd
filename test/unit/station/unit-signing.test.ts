import { generateKeyPairSync, type KeyObject, verify } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SignAnswer, SignRequest } from '#shared/contract/plant/signing-api.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { RunEvent } from '#shared/model/run-event.ts';
import { nodeFiles } from '#main/release/files.ts';
import { openRelease, type Release } from '#main/release/open-release.ts';
import { loadChips } from '#main/release/chip-library.ts';
import type { PlantRules } from '#main/station/plant-rules.ts';
import { releaseEngine } from '#main/station/release-engine.ts';
import { executeRun } from '#main/station/run.ts';
import { p256 } from '@noble/curves/nist.js';
import { join } from 'node:path';
import { ROOT } from '#test/support/cli.ts';
import { APPLICATION, manufacturedRecipe, PARTITION_AT } from '#test/support/manufactured.ts';
import { memoryFiles } from '../release/memory-files.ts';
import { CHIP, FakeBoard, makeRig, type Rig } from './fixtures.ts';

const RECIPE = manufacturedRecipe(
  'template',
  256,
  `  fields:
    - { at: 0, type: string, size: 16, from: serial }
    - { at: 16, type: bytes, size: 8, from: uid }
    - { at: 24, type: crc32, over: { at: 0, size: 24 } }
    - { name: proof, at: 32, type: signature, size: 64, over: { at: 0, size: 32 },
        by: { key: unit-data, algorithm: ecdsa-p256-sha256, publicKey: keys/unit-data.pem } }
    - { name: whole, at: 96, type: signature, size: 76, encoding: der, over: { at: 0, size: 96 },
        by: { key: unit-data, algorithm: ecdsa-p256-sha256, publicKey: keys/unit-data.pem } }
`,
);

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pemOf = (key: KeyObject) => String(key.export({ type: 'spki', format: 'pem' }));

async function openSigned(pem = pemOf(publicKey)): Promise<Release> {
  const chips = await loadChips([join(ROOT, 'resources', 'chips')], nodeFiles);
  const files = memoryFiles({ '/r/recipe.yaml': RECIPE, '/r/app.bin': APPLICATION, '/r/keys/unit-data.pem': pem });
  return { ...(await openRelease('/r', { chips, files })), chip: CHIP };
}

let rig: Rig;
let board: FakeBoard;
let asked: Omit<SignRequest, 'request'>[];
beforeEach(() => {
  rig = makeRig();
  board = new FakeBoard();
  asked = [];
});
afterEach(() => rig.remove());

/** A plant whose only work is to sign, by its own key unless told otherwise. */
function signer(change: Partial<SignAnswer> = {}, key = privateKey): Pick<PlantRules, 'sign'> {
  return {
    async sign(order) {
      asked.push(order);
      const scalar = new Uint8Array(Buffer.from(key.export({ format: 'jwk' }).d ?? '', 'base64url'));
      const signature = p256.sign(new Uint8Array(Buffer.from(order.digest, 'hex')), scalar, { prehash: false });
      const { unitKeys } = await openSigned();
      return {
        request: `request-${asked.length}`.padEnd(16, '0'),
        key: order.key,
        keyId: unitKeys.get('keys/unit-data.pem')?.id ?? '',
        algorithm: order.algorithm,
        signedAt: '2026-03-01T08:00:00.000Z',
        store: 'hsm',
        signature: Buffer.from(signature).toString('hex'),
        ...change,
      };
    },
  };
}

async function run(plant: Partial<PlantRules>, { probe = 'cmsis-dap:1', signal = new AbortController().signal } = {}) {
  const events: RunEvent[] = [];
  const release = await openSigned();
  const engine = releaseEngine(release, () => Promise.resolve(board.device()));
  const rules = { permit: () => undefined, admit: async () => undefined, order: () => null, recorded: () => undefined };
  const services = { ...rig.services(board), plant: { ...rules, ...plant } as unknown as PlantRules };
  const request = { serial: 'HB000001', slot: '1', probe, rework: false };
  const end = await executeRun(request, engine, services, signal, (event) => void events.push(event));
  const untouched = !board.calls.some((call) => call === 'erase' || call === 'program');
  return { end, events, release, untouched };
}

describe('a unit whose partition the plant signs', () => {
  it('passes with signatures that verify by the release’s key, each over what it is to cover; the record says who signed', async () => {
    const { end, events, release } = await run(signer());
    expect([end.verdict, end.failure]).toEqual(['PASS', null]);
    const made = board.flash.slice(PARTITION_AT, PARTITION_AT + 256);
    const raw = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const;
    expect(verify('sha256', made.subarray(0, 32), raw, made.subarray(32, 96))).toBe(true);
    const der = made.subarray(96, 96 + 2 + (made[97] ?? 0));
    // The second one is over the first one too.
    expect(verify('sha256', made.subarray(0, 96), publicKey, der)).toBe(true);
    expect(made.subarray(96 + der.length, 172).every((byte) => byte === 0)).toBe(true);
    const { unitKeys } = release;
    const { id } = unitKeys.get('keys/unit-data.pem') ?? { id: '' };
    const common = { key: 'unit-data', keyId: id, algorithm: 'ecdsa-p256-sha256', store: 'hsm' };
    expect(end.record?.signatures).toMatchObject([
      { what: 'proof', ...common },
      { what: 'whole', ...common },
    ]);
    expect(end.record?.signingKeys).toEqual([id]);
    expect(events.filter(({ type }) => type === 'unit.signed')).toHaveLength(2);
    const unit = { product: 'hello', release: release.digest, serial: 'HB000001', uid: board.uid };
    expect(asked).toMatchObject([unit, unit]);
  });

  it('of a development key passes, and the record says what that is worth', async () => {
    const { end } = await run(signer({ store: 'development' }));
    expect(end.verdict).toBe('PASS');
    expect(end.record?.signatures?.map(({ store }) => store)).toEqual(['development', 'development']);
    // The plant finds no unit by a key that proves nothing.
    expect(end.record?.signingKeys).toEqual([]);
  });

  const { privateKey: otherKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const refusing = (failure: FlashlineError): Pick<PlantRules, 'sign'> => ({ sign: () => Promise.reject(failure) });
  const CASES: readonly [string, Pick<PlantRules, 'sign'>, string][] = [
    ['another key’s signature', signer({}, otherKey), 'signing-wrong'],
    ['a plant that says it signed by another key', signer({ keyId: 'd'.repeat(64) }), 'signing-wrong'],
    ['a signature that is too short', signer({ signature: 'abcd' }), 'signing-wrong'],
    [
      'a policy that says no',
      refusing(new FlashlineError('signing-refused', { params: { key: 'unit-data', reason: 'it is switched off' } })),
      'signing-refused',
    ],
    [
      'an HSM that is gone',
      refusing(new FlashlineError('signing-unavailable', { params: { detail: 'no token' } })),
      'signing-unavailable',
    ],
    [
      'a plant that cannot be reached',
      refusing(new FlashlineError('plant-unreachable', { params: { url: 'https://plant' } })),
      'plant-unreachable',
    ],
    ['a station without a plant', {}, 'signing-unavailable'],
  ];
  it.each(CASES)('is not touched for %s, and it is the plant’s ERROR', async (_, plant, code) => {
    const { end, untouched } = await run(plant);
    expect([end.verdict, end.failure?.code, end.failure?.blame, untouched]).toEqual(['ERROR', code, 'plant', true]);
    expect(end.record).toMatchObject({ bytesWritten: 0, verdict: 'ERROR', images: [{ role: 'application' }] });
  });

  it('that is refused its second signature is not touched, and has the first one in its record', async () => {
    const good = signer();
    const plant: Pick<PlantRules, 'sign'> = {
      sign: (order, signal) =>
        asked.length === 0
          ? (good.sign?.(order, signal) ?? Promise.reject(new Error('no signer')))
          : Promise.reject(new FlashlineError('signing-refused', { params: { key: order.key, reason: 'used up' } })),
    };
    const { end, untouched } = await run(plant);
    expect([end.verdict, untouched, end.record?.signatures?.length]).toEqual(['ERROR', true, 1]);
  });

  it('is aborted while the plant thinks, untouched', async () => {
    const abort = new AbortController();
    const plant: Pick<PlantRules, 'sign'> = {
      sign: (_, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason));
          abort.abort(new FlashlineError('aborted'));
        }),
    };
    const { end, untouched } = await run(plant, { signal: abort.signal });
    expect([end.verdict, end.failure?.code, untouched]).toEqual(['ABORTED', 'aborted-untouched', true]);
  });

  it('on the bench is signed by nobody’s key, and says so', async () => {
    const { end } = await run(signer(), { probe: 'bench:nrf51822' });
    expect([end.verdict, asked.length]).toEqual(['PASS', 0]);
    expect(end.record?.signatures?.map(({ store, request }) => [store, request])).toEqual([
      ['bench', undefined],
      ['bench', undefined],
    ]);
    const made = board.flash.slice(PARTITION_AT, PARTITION_AT + 256);
    const raw = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const;
    expect(verify('sha256', made.subarray(0, 32), raw, made.subarray(32, 96))).toBe(false);
  });
});
