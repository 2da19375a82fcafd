import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createPublicKey, verify } from 'node:crypto';
import { STATEMENTS } from '#shared/contract/plant/station-api.ts';
import type { RecordDraft } from '#shared/model/unit-record.ts';
import { AS_NOBODY, asPerson, EMPTY, NOW, openPlant, type PlantInMemory } from '#test/support/plant/plant-in-memory.ts';
import { FAILED, newSigner } from '#test/support/plant-chain.ts';
import { failureOf } from '../../release/failure-of.ts';

let plant: PlantInMemory;
beforeAll(async () => {
  plant = await openPlant();
});
afterAll(() => plant.close());

const eve = asPerson('eve', ['quality']);
const hour = (n: number): Partial<RecordDraft> => ({ finishedAt: new Date(Date.UTC(2028, 1, 29, n)).toISOString() });
const certify = (serial: string, product = 'hello-nrf52') =>
  plant.calls['unit.certificate']({ ...EMPTY, params: { serial, product } }, eve);
const check = (jws: string) => plant.calls['certificate.verify']({ ...EMPTY, body: { jws } }, AS_NOBODY);

describe('a certificate', () => {
  test('says what the newest PASS proved, and any Ed25519 implementation can check it', async () => {
    const line = await plant.enrol('c-1');
    await plant.send(line, [
      { serial: 'C1', uid: 'u1', ...hour(1), release: 'd'.repeat(64) },
      { serial: 'C1', uid: 'u1', ...hour(2) },
    ]);
    const newest = line.records[1];
    const { certificate, jws } = await certify('C1');
    expect(certificate).toEqual({
      plant: 'Plant 1',
      serial: 'C1',
      uid: 'u1',
      product: newest?.product,
      chip: 'nrf52840',
      release: newest?.release,
      images: newest?.images.map(({ role, version, size, sha256 }) => ({
        role,
        version,
        size,
        sha256: sha256.readBack,
      })),
      signingKeys: ['plant-2026:firmware'],
      locks: { APPROTECT: '0xffffff00' },
      station: 'c-1',
      finishedAt: newest?.finishedAt,
      record: { sequence: 2, hash: newest?.hash, chain: line.genesis },
      issuedAt: NOW.toISOString(),
    });
    expect(await check(jws)).toEqual({ certificate, reason: null });
    const [head = '', payload = '', signature = ''] = jws.split('.');
    const key = createPublicKey({ key: { ...plant.keyring.signer.publicKey }, format: 'jwk' });
    expect(verify(null, Buffer.from(`${head}.${payload}`), key, Buffer.from(signature, 'base64url'))).toBe(true);
  });

  test('is not given for what a later run left unproven', async () => {
    const line = await plant.enrol('c-2');
    const steps = ['connect', 'identify', 'survey'].map((step) => ({ step, ms: 1 }));
    const untouched = { steps, bytesWritten: 0 };
    await plant.send(line, [
      { serial: 'C2', uid: 'u2', ...hour(1) },
      { serial: 'C2', uid: 'u2', ...hour(2), verdict: 'ERROR', ...untouched },
      { serial: 'C2', uid: 'u2', ...hour(3), verdict: 'ABORTED', ...untouched },
    ]);
    expect((await certify('C2')).certificate.finishedAt).toBe('2028-02-29T01:00:00.000Z');
    const changes: Partial<RecordDraft>[] = [
      { ...FAILED },
      { verdict: 'ERROR', bytesWritten: 0, steps: [...steps, { step: 'erase', ms: 1 }] },
      { verdict: 'INTERRUPTED', ...untouched },
    ];
    for (const changed of changes) {
      await plant.send(line, [{ serial: 'C2', uid: 'u2', ...hour(4 + line.records.length), ...changed }]);
      const failure = await failureOf(() => certify('C2'));
      expect(failure).toMatchObject({
        code: 'state-conflict',
        params: { detail: expect.stringContaining(changed.verdict ?? '') },
      });
      await plant.send(line, [{ serial: 'C2', uid: 'u2', ...hour(4 + line.records.length) }]);
      expect((await certify('C2')).certificate.record.sequence).toBe(line.records.length);
    }
  });

  test('is not given to a unit that never passed', async () => {
    const line = await plant.enrol('c-3');
    await plant.send(line, [{ serial: 'C3', uid: null, ...hour(1), ...FAILED }]);
    for (const serial of ['C3', 'nobody', `'; --`])
      expect(await failureOf(() => certify(serial))).toMatchObject({ code: 'not-found' });
    expect(await failureOf(() => certify('C1', 'other product'))).toMatchObject({ code: 'not-found' });
  });

  test('that is forged, altered, or another statement is told from a true one', async () => {
    const { certificate, jws } = await certify('C1');
    const stranger = await (await newSigner()).sign(certificate, STATEMENTS.certificate);
    const otherKind = await plant.keyring.signer.sign(certificate, STATEMENTS.numberLease);
    const [head, , signature] = jws.split('.');
    const altered = Buffer.from(JSON.stringify({ ...certificate, serial: 'C9' })).toString('base64url');
    const unsigned = `${Buffer.from('{"alg":"none","typ":"flashline-certificate+jwt"}').toString('base64url')}.${altered}.AA`;
    for (const forged of [stranger, otherKind, `${head}.${altered}.${signature}`, unsigned, 'a.b.c'])
      expect(await check(forged)).toMatchObject({ certificate: null, reason: expect.stringMatching(/did not sign/) });
    const strange = await plant.keyring.signer.sign({ made: 'by a later version' }, STATEMENTS.certificate);
    expect(await check(strange)).toMatchObject({
      certificate: null,
      reason: expect.stringMatching(/cannot|no certificate/),
    });
  });
});
