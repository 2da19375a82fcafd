import { createHash, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { realRandom } from '#main/app/real-clock.ts';
import { compressCertificate } from '#main/image/certificate/x509.ts';
import type { Database } from '#plant/database/database.ts';
import { DevelopmentStore } from '#plant/signing/development-store.ts';
import { SigningCounts } from '#plant/signing/signing-counts.ts';
import { createSigningDesk, type SigningDesk } from '#plant/signing/signing-desk.ts';
import { fromHex } from '#shared/base/bytes.ts';
import type { IssueRequest } from '#shared/contract/plant/signing-api.ts';
import type { KeyKind } from '#shared/model/signing.ts';
import { openMemoryDatabase } from '#test/support/plant/migrated-database.ts';
import { failureOf } from '../../release/failure-of.ts';

/** A leap day. */
const NOW = new Date('2028-02-29T12:34:56Z');
const RELEASE = 'a'.repeat(64);
const folder = mkdtempSync(join(tmpdir(), 'flashline-issuing-'));
const ACT = { who: 'ada', now: NOW };
let database: Database;
let desk: SigningDesk;
beforeAll(async () => {
  database = await openMemoryDatabase();
});
afterAll(async () => {
  await database.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  await database.query('RESET ROLE; TRUNCATE signatures, signing_keys; SET ROLE flashline_app');
  const development = new DevelopmentStore(join(folder, 'keys.json'));
  desk = createSigningDesk({ database, stores: { development }, counts: new SigningCounts(), random: realRandom });
});

const spki = (key: KeyObject) => key.export({ type: 'spki', format: 'der' }).toString('hex');
const device = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
const SUBJECT = { commonName: 'Example Signer C0FE', organization: 'Example', country: 'DE' };

async function issuer(kind: KeyKind = 'ecdsa-p256', certified = true): Promise<X509Certificate | null> {
  const policy = { enabled: true, releases: [RELEASE] };
  await desk.create({ name: 'ca', use: 'certificate', store: 'development', from: { kind }, policy }, ACT);
  if (!certified) return null;
  const { certificate } = await desk.certify('ca', { subject: SUBJECT, years: 0 }, ACT);
  return new X509Certificate(Buffer.from(certificate ?? '', 'hex'));
}
const asked = (given: Partial<IssueRequest> = {}): IssueRequest => ({
  request: 'request-0000000000000001',
  key: 'ca',
  algorithm: 'ecdsa-p256-sha256',
  product: 'hello',
  release: RELEASE,
  serial: 'HB000001',
  uid: null,
  publicKey: spki(device),
  subject: { organization: 'Example' },
  years: 20,
  ...given,
});
const issue = async (request: IssueRequest, now = NOW) => {
  const { certificate } = await desk.issue(request, { station: 'L1', now });
  return new X509Certificate(Buffer.from(certificate, 'hex'));
};
const reasonOf = async (work: () => Promise<unknown>) => {
  const { code, params } = await failureOf(work);
  return `${code} ${params['reason'] ?? params['detail']}`;
};

describe('a device’s certificate', () => {
  const KINDS = [
    ['ecdsa-p256', 'ecdsa-p256-sha256'],
    ['ecdsa-p384', 'ecdsa-p384-sha384'],
    ['rsa-3072', 'rsa-pkcs1-sha256'],
  ] as const;
  it.each(KINDS)('by %s is for the unit’s own key and serial, and verifies by its issuer', async (kind, algorithm) => {
    const root = await issuer(kind);
    const made = await issue(asked({ algorithm }));
    expect(root && [made.checkIssued(root), made.verify(root.publicKey), root.ca, made.ca]).toEqual([
      true,
      true,
      true,
      false,
    ]);
    expect(spki(made.publicKey)).toBe(spki(device));
    expect(made.subject).toBe('O=Example\nCN=HB000001');
    expect(made.issuer).toBe('C=DE\nO=Example\nCN=Example Signer C0FE');
  });

  it('is the same when it is asked for again, even an hour later; another subject under its request is refused', async () => {
    await issuer();
    const first = await issue(asked());
    expect((await issue(asked(), new Date(NOW.getTime() + 3_600_000))).fingerprint256).toBe(first.fingerprint256);
    expect((await desk.list(null))[0]).toMatchObject({ signed: 1 });
    for (const other of [{ years: 21 }, { subject: {} }, { serial: 'HB000002' }])
      expect(await reasonOf(() => issue(asked(other)))).toBe(
        'signing-refused request request-0000000000000001 was for something else',
      );
  });

  it('has whole years from a full hour on, so that 72 bytes can say it, on a leap day too', async () => {
    await issuer();
    for (const [index, years] of [1, 20, 0].entries()) {
      const made = await issue(asked({ years, request: `request-of-years-${index}` }));
      const compressed = compressCertificate(new Uint8Array(made.raw), {
        templateId: 3,
        chainId: 0,
        serialSource: 'key-hash',
      });
      expect(compressed).toHaveLength(72);
      expect(new Date(made.validFrom).toISOString()).toBe('2028-02-28T12:00:00.000Z');
      expect(new Date(made.validTo).getUTCFullYear()).toBe(years === 0 ? 9999 : 2028 + years);
    }
  });

  it('is not issued by a key without a certificate, for what is no key, or by a key for digests', async () => {
    await issuer('ecdsa-p256', false);
    expect(await reasonOf(() => issue(asked()))).toContain('it has no certificate of its own yet');
    await desk.certify('ca', { subject: SUBJECT, years: 0 }, ACT);
    expect(await reasonOf(() => issue(asked({ publicKey: 'abcd' })))).toBe(
      'signing-refused request request-0000000000000001 was for something else',
    );
    const another = { request: 'request-0000000000000002', publicKey: 'abcd' };
    expect(await reasonOf(() => issue(asked(another)))).toBe('signing-refused the unit’s public key is none');
    expect(
      await reasonOf(() => issue(asked({ request: 'request-0000000000000003', algorithm: 'rsa-pkcs1-sha256' }))),
    ).toContain('does not sign by rsa-pkcs1-sha256');
    await desk.create(
      {
        name: 'data',
        use: 'digest',
        store: 'development',
        from: { kind: 'ecdsa-p256' },
        policy: { enabled: true, releases: [RELEASE] },
      },
      ACT,
    );
    expect(await reasonOf(() => issue(asked({ request: 'request-0000000000000004', key: 'data' })))).toBe(
      'signing-refused it is a key for digests only',
    );
    const digest = createHash('sha256').update('a certificate of my own making').digest('hex');
    const { publicKey: _p, subject: _s, years: _y, ...unit } = asked({ request: 'request-0000000000000005' });
    expect(await reasonOf(() => desk.sign({ ...unit, digest }, { station: 'L1', now: NOW }))).toBe(
      'signing-refused it is a key for certificates only',
    );
  });
});

describe('an issuer’s own certificate', () => {
  it('of another authority is taken where it is of this key and may issue', async () => {
    const own = await issuer();
    const key = (await desk.list(null))[0];
    const adopt = (pem: string) => desk.adoptCertificate('ca', pem, ACT);
    expect(await reasonOf(() => adopt('nothing'))).toBe('bad-request this is no certificate in PEM');
    const leaf = await issue(asked({ publicKey: key?.publicKey ?? '' }));
    expect(await reasonOf(() => adopt(leaf.toString()))).toContain('may not issue others');
    expect(
      await reasonOf(async () => adopt((await issue(asked({ request: 'request-0000000000000009' }))).toString())),
    ).toContain('is not of the key ca');
    expect((await adopt(own?.toString() ?? '')).certificate).toBe(own?.raw.toString('hex'));
    expect(fromHex((await desk.list(null))[0]?.certificate ?? '')).toEqual(new Uint8Array(own?.raw ?? []));
  });

  it('is none of a key for digests, or of a kind that signs no digest of it', async () => {
    const policy = { enabled: true };
    await desk.create({ name: 'd', use: 'digest', store: 'development', from: { kind: 'ecdsa-p256' }, policy }, ACT);
    await desk.create({ name: 'e', use: 'certificate', store: 'development', from: { kind: 'ed25519' }, policy }, ACT);
    const certify = (name: string) => desk.certify(name, { subject: SUBJECT, years: 1 }, ACT);
    expect(await reasonOf(() => certify('d'))).toBe('signing-refused it is a key for digests only');
    expect(await reasonOf(() => certify('e'))).toBe('signing-refused a key of kind ed25519 signs no certificates here');
    expect((await failureOf(() => certify('nobody'))).code).toBe('not-found');
  });
});
