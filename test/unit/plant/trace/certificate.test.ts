import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createPublicKey, verify } from 'node:crypto';
import { STATEMENTS } from '#shared/contract/plant/station-api.ts';
import { Certificate } from '#shared/contract/plant/web-messages.ts';
import type { CallContext } from '#plant/http/handlers.ts';
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
const checkAs = (jws: string, caller: CallContext) =>
  plant.calls['certificate.verify']({ ...EMPTY, body: { jws } }, caller);
const check = (jws: string) => checkAs(jws, AS_NOBODY);

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
    expect(await check(jws)).toEqual({
      verdict: 'authentic',
      certificate,
      reason: null,
      key: { id: plant.keyring.signer.keyId, x: plant.keyring.signer.publicKey.x, current: true },
      namedKey: plant.keyring.signer.keyId,
      claims: null,
      compared: null,
    });
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
    const strange = await plant.keyring.signer.sign({ made: 'by a later version' }, STATEMENTS.certificate);
    for (const [forged, verdict] of [
      [stranger, 'other-key'],
      [otherKind, 'other-statement'],
      [altered(jws, { serial: 'C9' }), 'changed'],
      [strange, 'newer'],
      ['a.b.c', 'no-certificate'],
      [jws.slice(0, -9), 'truncated'],
    ])
      expect(await check(forged ?? '')).toMatchObject({
        verdict,
        certificate: null,
        reason: expect.any(String),
        compared: null,
      });
  });

  test('that was changed is held against what was signed, for who may see the unit and for nobody else', async () => {
    const { jws } = await certify('C1');
    const forged = altered(jws, { serial: 'C9', locks: {}, issuedAt: '2020-01-01T00:00:00.000Z' });
    const { compared } = await checkAs(forged, eve);
    expect(compared).toEqual({
      with: 'signed',
      differs: [
        { fact: 'serial', text: 'C9', plant: 'C1' },
        { fact: 'locks.APPROTECT', text: null, plant: '0xffffff00' },
      ],
    });
    const image = { role: 'application', version: '9', size: 1, sha256: 'f'.repeat(64) };
    const facts = (await checkAs(altered(jws, { images: [image] }), eve)).compared?.differs.map(({ fact }) => fact);
    expect(facts).toEqual(
      expect.arrayContaining(['images.bootloader.sha256', 'images.application.version', 'images.application.sha256']),
    );
    expect((await checkAs(altered(jws, { issuedAt: '2020-01-01T00:00:00.000Z' }), eve)).compared?.differs).toEqual([]);
    const moved = { record: { sequence: 1, hash: 'f'.repeat(64), chain: 'f'.repeat(64) } };
    expect((await checkAs(altered(jws, moved), eve)).compared?.differs.map(({ fact }) => fact)).toEqual([
      'record.sequence',
      'record.hash',
      'record.chain',
    ]);
    for (const serial of ['C9 of nobody', 'C9\0', '\ud800'])
      expect((await checkAs(altered(jws, { ...moved, serial }), eve)).compared).toBeNull();

    const buyer = asPerson('bo', ['buyer'], ['hello-nrf52']);
    const stranger = asPerson('bo', ['buyer'], ['other']);
    expect((await checkAs(forged, buyer)).compared?.differs).toHaveLength(2);
    for (const caller of [AS_NOBODY, stranger]) expect((await checkAs(forged, caller)).compared).toBeNull();
    // From place to place: of which units there are, a buyer is told by their serials only.
    const probing = altered(jws, { serial: 'C9', record: { ...certificateIn(jws).record, hash: 'f'.repeat(64) } });
    expect((await checkAs(probing, buyer)).compared).toBeNull();
    expect((await checkAs(probing, eve)).compared?.differs).toHaveLength(2);
  });

  test('that is authentic is held against today', async () => {
    const line = await plant.enrol('c-4');
    await plant.send(line, [{ serial: 'C4', uid: 'u4', ...hour(1) }]);
    const { jws } = await certify('C4');
    expect((await checkAs(jws, eve)).compared).toEqual({ with: 'now', differs: [] });
    expect((await check(jws)).compared).toBeNull();
    await plant.send(line, [{ serial: 'C4', uid: 'u4', ...hour(2), release: 'd'.repeat(64), rework: true }]);
    const { verdict, compared } = await checkAs(jws, eve);
    expect([verdict, compared?.with]).toEqual(['authentic', 'now']);
    expect(compared?.differs).toContainEqual({ fact: 'release', text: 'a'.repeat(64), plant: 'd'.repeat(64) });
    await plant.send(line, [{ serial: 'C4', uid: 'u4', ...hour(3), ...FAILED }]);
    expect((await checkAs(jws, eve)).compared).toEqual({ with: 'unproven', differs: [] });
  });
});

function altered(jws: string, change: Partial<Certificate>): string {
  const [head, , signature] = jws.split('.');
  const body = Buffer.from(JSON.stringify({ ...certificateIn(jws), ...change })).toString('base64url');
  return `${head}.${body}.${signature}`;
}

function certificateIn(jws: string): Certificate {
  return Certificate.parse(JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString()));
}
