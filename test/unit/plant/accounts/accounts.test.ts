import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPasswords } from '#plant/accounts/password.ts';
import { networkOf } from '#plant/accounts/sign-in-guard.ts';
import { STATEMENTS } from '#shared/contract/plant/station-api.ts';
import { readEnrolmentCode, isPlantKey } from '#shared/contract/plant/enrolment-code.ts';
import { type Credential, memberOf, NOBODY, PASSWORD, PlantUnderTest } from '#test/support/plant-http.ts';
import { newSigner } from '#test/support/plant-chain.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
let plant: PlantUnderTest;

beforeAll(async () => {
  plant = await PlantUnderTest.start();
}, 120_000);
afterAll(() => plant.close());

const random = (size: number) => new Uint8Array(size).map((_, at) => 'somesalt-somesalt'.charCodeAt(at));
const signIn = async (name: string, password: string) =>
  (await plant.call('session.open', NOBODY, { body: { name, password } })).code;
const who = async (credential: Credential) => (await plant.call('session.get', credential)).code;

describe('passwords', () => {
  it('are hashed as the reference implementation of Argon2 does it', async () => {
    // phc-winner-argon2, src/test.c: version 0x13, t=2, m=2^16, p=1.
    const known = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';
    const passwords = createPasswords(random);
    expect(await passwords.check('password', known)).toEqual({ right: true, outdated: true });
    expect((await passwords.check('Password', known)).right).toBe(false);
    const own = await passwords.hash('password');
    expect(own).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(await passwords.check('password', own)).toEqual({ right: true, outdated: false });
  });

  it('take their turn, and when too many wait the rest is sent away', async () => {
    const passwords = createPasswords(random, { memory: 64, passes: 1 });
    const asked = await Promise.allSettled(Array.from({ length: 60 }, async () => passwords.check('x', null)));
    const refused = asked.filter(({ status }) => status === 'rejected');
    expect(refused.length).toBe(10);
    expect(await passwords.check('x', null)).toMatchObject({ right: false });
  });
});

describe('people', () => {
  it('who fail too often wait longer and longer, known or not, and colleagues do not', async () => {
    await plant.addPerson('lena', ['operator']);
    for (const name of ['lena', 'nobody-at-all']) {
      const codes = [];
      for (let time = 0; time < 8; time++) codes.push(await signIn(name, 'wrong'));
      expect([name, ...codes]).toEqual([
        name,
        ...Array(6).fill('sign-in-refused'),
        ...Array(2).fill('too-many-requests'),
      ]);
    }
    expect(await signIn('lena', PASSWORD)).toBe('too-many-requests');
    plant.advance(2001);
    expect(await signIn('lena', 'wrong')).toBe('sign-in-refused');
    plant.advance(2001);
    expect(await signIn('lena', PASSWORD)).toBe('too-many-requests');
    plant.advance(2001);
    expect(await signIn('lena', PASSWORD)).toBeNull();
    expect(await signIn('lena', 'wrong')).toBe('sign-in-refused');
    expect(await signIn('lena', PASSWORD)).toBeNull();
    plant.advance(HOUR + 1);
  });

  it('cannot try in parallel what they may not try one by one', async () => {
    await plant.addPerson('paul', ['operator']);
    const codes = await Promise.all(Array.from({ length: 20 }, () => signIn('paul', 'wrong')));
    expect(codes.filter((code) => code === 'sign-in-refused').length).toBeLessThanOrEqual(7);
    plant.advance(HOUR + 1);
  });

  it('are signed out after half an hour of nothing, and after twelve hours whatever they do', async () => {
    const idle = await plant.person('ines', ['operator']);
    plant.advance(29 * MINUTE);
    expect(await who(idle)).toBeNull();
    plant.advance(29 * MINUTE);
    expect(await who(idle)).toBeNull();
    plant.advance(31 * MINUTE);
    expect(await who(idle)).toBe('signed-out');
    const busy = await plant.signIn('ines');
    for (let minutes = 0; minutes < 12 * 60 - 25; minutes += 25) {
      expect(await who(busy)).toBeNull();
      plant.advance(25 * MINUTE);
    }
    plant.advance(25 * MINUTE);
    expect(await who(busy)).toBe('signed-out');
  });

  it('end their other sessions with a new password; a new hash takes the place of an old one', async () => {
    const [one, two] = [await plant.person('otto', ['operator']), await plant.signIn('otto')];
    const next = 'an entirely new password';
    expect((await plant.call('session.password', one, { body: { old: 'wrong', password: next } })).code).toBe(
      'sign-in-refused',
    );
    expect((await plant.call('session.password', one, { body: { old: PASSWORD, password: next } })).code).toBeNull();
    expect([await who(one), await who(two), await signIn('otto', PASSWORD)]).toEqual([
      null,
      'signed-out',
      'sign-in-refused',
    ]);
    expect(await signIn('OTTO', next)).toBeNull();
  });

  it('never leave the plant without an admin, not even two at once', async () => {
    const [ada, bea] = [await plant.person('ada', ['admin']), await plant.person('bea', ['admin'])];
    const off = (by: Credential, name: string) =>
      plant.call('user.change', by, { params: { name }, body: { active: false } });
    const codes = (await Promise.all([off(ada, 'bea'), off(bea, 'ada')])).map(({ code }) => code);
    expect(codes.filter((code) => code === null).length).toBe(1);
    const left = (await who(ada)) === null ? { credential: ada, name: 'ada' } : { credential: bea, name: 'bea' };
    expect((await off(left.credential, left.name)).code).toBe('state-conflict');
    const roles = { params: { name: left.name }, body: { roles: ['quality' as const] } };
    expect((await plant.call('user.change', left.credential, roles)).code).toBe('state-conflict');
    const buyer = { name: 'buyer', roles: ['buyer' as const], password: PASSWORD, badge: null };
    expect((await plant.call('user.create', left.credential, { body: buyer })).code).toBe('bad-request');
  });

  it('are counted by network: one IPv6 subscriber is one', () => {
    expect(networkOf('2001:db8:1:2:3:4:5:6')).toBe(networkOf('2001:db8:1:2::9'));
    expect(networkOf('2001:db8:1:2::1')).not.toBe(networkOf('2001:db8:1:3::1'));
    expect(networkOf('192.0.2.7')).toBe('192.0.2.7');
  });
});

describe('stations', () => {
  const challenge = async (name: string) =>
    memberOf((await plant.call('station.challenge', NOBODY, { body: { station: name } })).body, 'challenge');
  const open = async (answer: string) => (await plant.call('station.session', NOBODY, { body: { answer } })).code;
  const head = async (credential: Credential) =>
    (await plant.call('station.head', credential, { params: { chain: '0'.repeat(64) } })).code;

  it('enrol once with a code that says whom to trust, and within a day', async () => {
    const about = await plant.call('plant.about', NOBODY);
    const { code } = await plant.plant.desk.call('station.invite', { name: 'E1' });
    const { publicKey } = await newSigner();
    const { publicKey: plantKey } = about.body as { publicKey: typeof publicKey };
    expect([isPlantKey(readEnrolmentCode(code), plantKey), isPlantKey(readEnrolmentCode(code), publicKey)]).toEqual([
      true,
      false,
    ]);
    const enrol = async (text: string) =>
      (await plant.call('station.enrol', NOBODY, { body: { code: text, publicKey, appVersion: '1' } })).code;
    const both = await Promise.all([enrol(code), enrol(code)]);
    expect(new Set(both)).toEqual(new Set([null, 'enrolment-refused']));
    const late = (await plant.plant.desk.call('station.invite', { name: 'E2' })).code;
    plant.advance(24 * HOUR);
    expect(await enrol(late)).toBe('enrolment-refused');
    // A second code ends the first.
    const first = (await plant.plant.desk.call('station.invite', { name: 'E3' })).code;
    const second = (await plant.plant.desk.call('station.invite', { name: 'E3' })).code;
    expect([await enrol(first), await enrol(second)]).toEqual(['enrolment-refused', null]);
  });

  it('open a session only with their own key, a fresh challenge of this plant, and once', async () => {
    const [l1, other] = [await plant.enrol('S1'), await plant.enrol('S2')];
    const sign = (text: string, station = 'S1', typ: string = STATEMENTS.challenge) =>
      l1.signer.sign({ station, challenge: text }, typ);
    const good = await sign(await challenge('S1'));
    expect([await open(good), await open(good)]).toEqual([null, 'signed-out']);
    const own = await newSigner();
    const forged = await own.sign({ station: 'S1', nonce: 'n', until: 9e15 }, 'flashline-challenge-offer+jwt');
    const old = await sign(await challenge('S1'));
    const bad = [
      await sign(await challenge('S2')),
      await sign(await challenge('S2'), 'S2'),
      await sign(await challenge('S1'), 'S1', STATEMENTS.chainHead),
      await other.signer.sign({ station: 'S1', challenge: await challenge('S1') }, STATEMENTS.challenge),
      await sign(await challenge('nobody'), 'nobody'),
      await sign(forged),
      await sign('x'),
    ];
    for (const answer of bad) expect(await open(answer)).toBe('signed-out');
    plant.advance(MINUTE);
    expect(await open(old)).toBe('signed-out');
  });

  it('are shut out at once, told so when they prove who they are, and come back with a new code', async () => {
    const admin = await plant.person('chief', ['admin']);
    const key = await plant.enrol('R1');
    const session = await plant.openStation(key);
    expect(await head(session)).toBeNull();
    expect((await plant.call('station.revoke', admin, { params: { name: 'R1' } })).code).toBeNull();
    expect(await head(session)).toBe('signed-out');
    expect(await open(await plant.answerTo(key))).toBe('station-revoked');
    expect((await plant.call('station.revoke', admin, { params: { name: 'no' } })).code).toBe('not-found');
    const again = await plant.enrol('R1');
    expect(await head(await plant.openStation(again))).toBeNull();
    expect(await open(await plant.answerTo(key))).toBe('signed-out');
  });

  it('have sessions that end', async () => {
    const session = await plant.station('T1');
    plant.advance(12 * HOUR - 1000);
    expect(await head(session)).toBeNull();
    plant.advance(1000);
    expect(await head(session)).toBe('signed-out');
  });
});
