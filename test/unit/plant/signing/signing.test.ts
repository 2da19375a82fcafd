import { createHash, createPublicKey, verify } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { asyncProperty, assert, constantFrom, integer, record, array } from '#test/support/fast-check.ts';
import type { Database } from '#plant/database/database.ts';
import { DevelopmentStore } from '#plant/signing/development-store.ts';
import type { KeyStore } from '#plant/signing/key-store.ts';
import { SigningCounts } from '#plant/signing/signing-counts.ts';
import { createSigningDesk, type SigningDesk } from '#plant/signing/signing-desk.ts';
import { fromHex } from '#shared/base/bytes.ts';
import type { PolicyChange, SignRequest } from '#shared/contract/plant/signing-api.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { openMemoryDatabase } from '#test/support/plant/migrated-database.ts';
import { failureOf } from '../../release/failure-of.ts';

const NOW = new Date('2028-02-29T12:00:00Z');
const RELEASE = 'a'.repeat(64);
const folder = mkdtempSync(join(tmpdir(), 'flashline-signing-'));
let database: Database;
let desk: SigningDesk;
let counts: SigningCounts;
/** What the next signatures of the store wait for, or end with. */
let before: () => Promise<void> = async () => undefined;
let made = 0;
/** Nobody can empty the audit log: a test looks at what came after. */
let auditedBefore = 0;
const markAudit = async () => {
  auditedBefore = Number((await database.query('SELECT coalesce(max(id), 0)::int AS id FROM audit_log'))[0]?.['id']);
};

beforeAll(async () => {
  database = await openMemoryDatabase();
});
afterAll(async () => {
  await database.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  await database.query('RESET ROLE; TRUNCATE signatures, signing_keys; SET ROLE flashline_app');
  await markAudit();
  rmSync(join(folder, 'keys.json'), { force: true });
  const store = new DevelopmentStore(join(folder, 'keys.json'));
  const slow: KeyStore = {
    kind: 'development',
    state: store.state,
    find: (reference) => store.find(reference),
    generate: (kind, reference) => store.generate(kind, reference),
    async sign(order) {
      made += 1;
      await before();
      return store.sign(order);
    },
    close: () => store.close(),
  };
  before = async () => undefined;
  made = 0;
  counts = new SigningCounts();
  let next = 0;
  const random = (length: number) => new Uint8Array(length).fill((next += 1));
  desk = createSigningDesk({ database, stores: { development: slow }, counts, random });
});

const makeKey = (policy: PolicyChange = {}, name = 'k') =>
  desk.create(
    {
      name,
      use: 'digest',
      store: 'development',
      from: { kind: 'ecdsa-p256' },
      policy: { enabled: true, releases: [RELEASE], ...policy },
    },
    { who: 'ada', now: NOW },
  );
const MESSAGE = new TextEncoder().encode('a unit’s own data');
const digestOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
let requests = 0;
const asked = (given: Partial<SignRequest> = {}): SignRequest => ({
  request: `request-${String((requests += 1)).padStart(16, '0')}`,
  key: 'k',
  algorithm: 'ecdsa-p256-sha256',
  digest: digestOf(MESSAGE),
  product: 'hello',
  release: RELEASE,
  serial: 'HB000001',
  uid: 'ab12',
  ...given,
});
const sign = (request: SignRequest, station = 'L1', now = NOW) => desk.sign(request, { station, now });
const reasonOf = async (request: SignRequest, station = 'L1', now = NOW) => {
  const { code, blame, params } = await failureOf(() => sign(request, station, now));
  return [code, blame, params['reason'] ?? params['seconds'] ?? params['detail']];
};
const audited = async () =>
  (
    await database.query('SELECT who, action, object, detail FROM audit_log WHERE id > $1 ORDER BY id', [auditedBefore])
  ).filter(({ action }) => String(action).startsWith('signing'));

describe('a digest', () => {
  it('is signed for one unit, and the audit log says for which', async () => {
    const key = await makeKey();
    const request = asked();
    const { signature, keyId, store, signedAt } = await sign(request);
    const publicKey = createPublicKey({ key: Buffer.from(key.publicKey, 'hex'), format: 'der', type: 'spki' });
    expect(verify('sha256', MESSAGE, { key: publicKey, dsaEncoding: 'ieee-p1363' }, fromHex(signature))).toBe(true);
    expect([keyId, store, signedAt]).toEqual([key.keyId, 'development', NOW.toISOString()]);
    const { key: _, ...detail } = request;
    expect(await audited()).toMatchObject([{ who: 'L1', action: 'signing.sign', object: 'k', detail }]);
    expect(await desk.made('k', { limit: 10, scope: null })).toMatchObject({
      signatures: [{ serial: 'HB000001', station: 'L1' }],
    });
    expect((await desk.list(null))[0]).toMatchObject({ signed: 1 });
  });

  it('that is asked for again with the same request has the same signature, and counts once', async () => {
    await makeKey({ quantity: 1, perMinute: 1 });
    const request = asked();
    const first = await sign(request);
    // ECDSA never makes the same signature twice by itself.
    expect(await sign(request, 'L1', new Date(NOW.getTime() + 3_600_000))).toEqual(first);
    await desk.changePolicy('k', { enabled: false }, { who: 'ada', now: NOW });
    expect(await sign(request)).toEqual(first);
    expect([made, (await audited()).length]).toEqual([1, 1]);
    expect(counts.rows()).toEqual([
      { end: 'signed', store: 'development', count: 1 },
      { end: 'repeated', store: 'development', count: 2 },
    ]);
  });

  it('that is asked for twice at once has one signature, whichever is kept first', async () => {
    await makeKey({ quantity: 1 });
    const both = Promise.withResolvers<void>();
    before = async () => {
      if (made === 2) both.resolve();
      await both.promise;
    };
    const request = asked();
    const [one, two] = await Promise.all([sign(request), sign(request)]);
    expect(one).toEqual(two);
    expect([made, (await audited()).length, (await desk.list(null))[0]?.signed]).toEqual([2, 1, 1]);
  });

  it('of another kind under the same request is refused; another station’s request is its own', async () => {
    await makeKey();
    const request = asked();
    const first = await sign(request);
    const other = { ...request, digest: digestOf(new Uint8Array([1])) };
    expect(await reasonOf(other)).toEqual([
      'signing-refused',
      'plant',
      `request ${request.request} was for something else`,
    ]);
    expect(await reasonOf({ ...request, serial: 'HB000002' })).toMatchObject([
      'signing-refused',
      'plant',
      expect.any(String),
    ]);
    expect((await sign(other, 'L2')).signature).not.toBe(first.signature);
    expect(await sign(request)).toEqual(first);
  });

  it('whose server died before the answer is signed when it is asked for again', async () => {
    await makeKey({ quantity: 1 });
    const died = new Error('kill -9');
    before = () => Promise.reject(died);
    const request = asked();
    // What no code of ours throws leaves the place as a dead process leaves it: taken, and unsigned.
    await expect(sign(request)).rejects.toBe(died);
    expect(await reasonOf(asked())).toEqual(['signing-refused', 'plant', 'all 1 signatures of its policy are used up']);
    before = async () => undefined;
    const again = await sign(request);
    expect(await sign(request)).toEqual(again);
    expect((await audited()).filter(({ action }) => action === 'signing.sign')).toHaveLength(1);
  });

  it('that the store could not sign holds no place of the policy', async () => {
    await makeKey({ quantity: 1, perMinute: 1 });
    before = () =>
      Promise.reject(new FlashlineError('signing-unavailable', { params: { detail: 'its token is gone' } }));
    const request = asked();
    expect(await reasonOf(request)).toEqual(['signing-unavailable', 'plant', 'its token is gone']);
    expect(counts.rows()).toEqual([{ end: 'failed', store: 'none', count: 1 }]);
    before = async () => undefined;
    await sign(asked());
    expect(await reasonOf(request)).toEqual(['signing-refused', 'plant', 'all 1 signatures of its policy are used up']);
    expect((await audited()).map(({ action }) => action)).toEqual(['signing.refuse', 'signing.sign', 'signing.refuse']);
  });
});

describe('a policy', () => {
  const CASES: readonly [string, PolicyChange, Partial<SignRequest>, string][] = [
    ['switched off', { enabled: false }, {}, 'it is switched off'],
    ['over', { until: NOW.toISOString() }, {}, `its policy ended ${NOW.toISOString()}`],
    ['of other stations', { stations: ['L2'] }, {}, 'it does not sign for station L1'],
    ['of other products', { products: ['other'] }, {}, 'it does not sign for product hello'],
    ['of no product', { products: [] }, {}, 'it does not sign for product hello'],
    ['of other releases', { releases: ['b'.repeat(64)] }, {}, `it does not sign for release ${RELEASE}`],
    [
      'of published releases',
      { releases: null },
      {},
      `release ${RELEASE} is not published here, and its policy does not name it`,
    ],
    [
      'of another kind',
      {},
      { algorithm: 'ed25519-sha256' },
      'it is of kind ecdsa-p256, which does not sign by ed25519-sha256',
    ],
    ['and a digest that is too short', {}, { digest: 'ab' }, 'a digest for ecdsa-p256-sha256 has 32 bytes'],
    ['of no key', {}, { key: 'nobody' }, 'the plant has no key of this name'],
  ];
  it.each(CASES)('%s: refused with the reason, audited, nothing signed', async (_, policy, request, reason) => {
    await makeKey(policy);
    expect(await reasonOf(asked(request))).toEqual(['signing-refused', 'plant', reason]);
    expect(made).toBe(0);
    expect(await audited()).toMatchObject([
      { who: 'L1', action: 'signing.refuse', detail: { reason, serial: 'HB000001' } },
    ]);
  });

  it('by published releases follows what the plant publishes and withdraws', async () => {
    await makeKey({ releases: null });
    const put = (digest: string, state: string, product = 'hello') =>
      database.query(
        `INSERT INTO releases (digest, product, revision, version, process, state, size, sha256, images, uploaded_by, uploaded_at, approved_by)
         VALUES ($1, $2, 'A', '1', 'flash', $3, 1, 's', '[]', 'ada', $4, 'eve')`,
        [digest, product, state, NOW],
      );
    const [published, withdrawn, others] = ['1', '2', '3'].map((digit) => digit.repeat(64));
    await put(published ?? '', 'published');
    await put(withdrawn ?? '', 'withdrawn');
    await put(others ?? '', 'published', 'other');
    await sign(asked({ release: published ?? '' }));
    expect((await reasonOf(asked({ release: withdrawn ?? '' })))[2]).toBe(`release ${withdrawn} was withdrawn`);
    expect((await reasonOf(asked({ release: others ?? '' })))[2]).toBe(
      `release ${others} is of product other, not hello`,
    );
    await desk.changePolicy('k', { releases: [withdrawn ?? ''] }, { who: 'ada', now: NOW });
    expect((await reasonOf(asked({ release: withdrawn ?? '' })))[2]).toBe(`release ${withdrawn} was withdrawn`);
  });

  it('of so many a minute has the next one wait', async () => {
    await makeKey({ perMinute: 2 });
    const at = (seconds: number) => new Date(NOW.getTime() + seconds * 1000);
    await sign(asked(), 'L1', at(0));
    await sign(asked(), 'L2', at(20));
    expect(await reasonOf(asked(), 'L3', at(30))).toEqual(['too-many-requests', 'plant', '30']);
    await sign(asked(), 'L1', at(61));
  });

  it('is never overdrawn, whoever asks at once and whatever fails', async () => {
    const request = record({
      station: constantFrom('L1', 'L2'),
      id: integer({ min: 0, max: 5 }),
      fails: constantFrom(true, false),
    });
    const property = asyncProperty(array(request, { minLength: 1, maxLength: 12 }), async (wanted) => {
      await database.query('RESET ROLE; TRUNCATE signatures, signing_keys; SET ROLE flashline_app');
      await markAudit();
      rmSync(join(folder, 'keys.json'), { force: true });
      await makeKey({ quantity: 3 });
      let turn = 0;
      before = async () => {
        // Which one it is comes with the turn: a store fails as it likes.
        const fails = wanted[turn % wanted.length]?.fails === true;
        turn += 1;
        if (fails) throw new FlashlineError('signing-unavailable', { params: { detail: 'x' } });
      };
      const outcomes = await Promise.allSettled(
        wanted.map(({ station, id }) =>
          sign(asked({ request: `request-of-${station}-${id}`, serial: `S${id}` }), station),
        ),
      );
      const [row] = await database.query('SELECT count(*)::int AS n FROM signatures WHERE signed_at IS NOT NULL');
      const signed = new Set(outcomes.flatMap((each) => (each.status === 'fulfilled' ? [each.value.signature] : [])));
      const entries = (await audited()).filter(({ action }) => action === 'signing.sign').length;
      expect(signed.size).toBeLessThanOrEqual(3);
      expect([row?.['n'], (await desk.list(null))[0]?.signed, entries]).toEqual([
        signed.size,
        signed.size,
        signed.size,
      ]);
    });
    await assert(property, { numRuns: 15 });
  });
});

describe('who may see only some products', () => {
  it('sees their signatures, and the keys that sign for them', async () => {
    await makeKey();
    await makeKey({ products: ['other'] }, 'others');
    await sign(asked());
    await sign(asked({ key: 'others', product: 'other' }));
    const seen = async (scope: readonly string[] | null) => [
      (await desk.list(scope)).map(({ name }) => name),
      (await desk.made('others', { limit: 10, scope })).signatures.map(({ product }) => product),
    ];
    expect(await seen(null)).toEqual([['k', 'others'], ['other']]);
    expect(await seen(['other'])).toEqual([['k', 'others'], ['other']]);
    expect(await seen(['hello'])).toEqual([['k'], []]);
    expect(await seen([])).toEqual([['k'], []]);
  });
});

describe('a key', () => {
  it('signs nothing until somebody has switched it on, and is nobody else’s name', async () => {
    const key = await desk.create(
      { name: 'k', use: 'digest', store: 'development', from: { kind: 'ed25519' }, policy: {} },
      { who: 'ada', now: NOW },
    );
    expect(key.policy.enabled).toBe(false);
    expect((await failureOf(() => makeKey())).code).toBe('state-conflict');
    const adopt = () =>
      desk.create(
        { name: 'again', use: 'digest', store: 'development', from: { reference: key.reference }, policy: {} },
        { who: 'ada', now: NOW },
      );
    expect((await failureOf(adopt)).code).toBe('state-conflict');
  });

  it('of a store that this server does not have is said to be', async () => {
    const wanted = { name: 'h', use: 'digest', store: 'hsm', from: { kind: 'ed25519' }, policy: {} } as const;
    const { code, params } = await failureOf(() => desk.create(wanted, { who: 'ada', now: NOW }));
    expect([code, params['detail']]).toEqual([
      'signing-unavailable',
      'the key h is in the HSM, and this server runs without --hsm',
    ]);
  });

  it('for certificates signs no digest', async () => {
    await desk.create(
      { name: 'ca', use: 'certificate', store: 'development', from: { kind: 'ecdsa-p256' }, policy: { enabled: true } },
      { who: 'ada', now: NOW },
    );
    expect((await reasonOf(asked({ key: 'ca' })))[2]).toBe('it is a key for certificates only');
  });

  it('that was exchanged in its store signs nothing', async () => {
    await makeKey({});
    await makeKey({}, 'other');
    const file = join(folder, 'keys.json');
    const content = JSON.parse(readFileSync(file, 'utf8')) as { keys: Record<string, unknown> };
    const [one = '', two = ''] = Object.keys(content.keys);
    writeFileSync(file, JSON.stringify({ ...content, keys: { [one]: content.keys[two], [two]: content.keys[one] } }));
    expect((await reasonOf(asked()))[2]).toBe('the file has another key under its reference');
  });
});
