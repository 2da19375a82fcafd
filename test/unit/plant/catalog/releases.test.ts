import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { sha256Hex } from '#shared/base/digest.ts';
import { asPerson, asStation, EMPTY, openPlant, type PlantInMemory } from '#test/support/plant/plant-in-memory.ts';
import { recipeText, releaseZip, zipOf } from '#test/support/plant/release-zip.ts';
import { failureOf } from '../../release/failure-of.ts';

let plant: PlantInMemory;
beforeAll(async () => {
  plant = await openPlant();
});
afterAll(() => plant.close());

const ada = asPerson('ada', ['process-engineer']);
const eve = asPerson('eve', ['quality']);
/** As hostile as what people type may be, and still a text. */
const EVIL = `'); DROP TABLE releases; --<script>alert(1)</script>\${x}\\`;

const on = (digest: string) => ({ ...EMPTY, params: { digest } });
const upload = async (version: string, product = 'hello-nrf52') =>
  plant.calls['release.upload']({ ...EMPTY, body: await releaseZip({ version, product }) }, ada);
const code = async (call: () => unknown) => (await failureOf(call)).code;

async function publish(version: string): Promise<string> {
  const { digest } = await upload(version);
  await plant.calls['release.approve'](on(digest), eve);
  await plant.calls['release.publish'](on(digest), ada);
  return digest;
}

const Acts = z.array(z.object({ who: z.string(), action: z.string() }));
async function actsOn(object: string): Promise<string[]> {
  const rows = await plant.database.query('SELECT who, action FROM audit_log WHERE object = $1 ORDER BY id', [object]);
  return Acts.parse(rows).map(({ who, action }) => `${who} ${action}`);
}

describe('a release', () => {
  test('needs two people, and reaches stations only while it is published', async () => {
    const bytes = await releaseZip({ version: '1.0.0' });
    const { digest, ...uploaded } = await plant.calls['release.upload']({ ...EMPTY, body: bytes }, ada);
    expect(uploaded).toMatchObject({ state: 'uploaded', product: 'hello-nrf52', version: '1.0.0', uploadedBy: 'ada' });
    expect(uploaded.sha256).toBe(sha256Hex(bytes));
    const fetch = () => plant.calls['station.release'](on(digest), asStation('line-1'));
    expect(await code(fetch)).toBe('not-found');
    expect(await code(() => plant.calls['release.publish'](on(digest), eve))).toBe('state-conflict');
    expect(await code(() => plant.calls['release.approve'](on(digest), ada))).toBe('second-person');
    expect(await plant.calls['release.approve'](on(digest), eve)).toMatchObject({
      state: 'approved',
      approvedBy: 'eve',
    });
    expect(await code(fetch)).toBe('not-found');
    await plant.calls['release.publish'](on(digest), ada);
    expect(sha256Hex(await fetch())).toBe(uploaded.sha256);
    const withdrawn = await plant.calls['release.withdraw']({ ...on(digest), body: { reason: EVIL } }, eve);
    expect(withdrawn).toMatchObject({ state: 'withdrawn', reason: EVIL, withdrawnBy: 'eve' });
    expect(await code(fetch)).toBe('release-withdrawn');
    for (const call of ['release.approve', 'release.publish'] as const)
      expect(await code(() => plant.calls[call](on(digest), eve))).toBe('state-conflict');
    expect(await code(() => plant.calls['release.withdraw']({ ...on(digest), body: { reason: 'again' } }, eve))).toBe(
      'state-conflict',
    );
    const acts = ['ada release.upload', 'eve release.approve', 'ada release.publish', 'eve release.withdraw'];
    expect(await actsOn(digest)).toEqual(acts);
  });

  test('is the same row when it comes again, zipped anew, by whomever, whatever became of it', async () => {
    const first = await upload('1.1.0');
    await plant.calls['release.approve'](on(first.digest), eve);
    const files = [
      { path: 'notes.txt', bytes: 'new notes' },
      { path: 'recipe.yaml', bytes: recipeText({ version: '1.1.0' }) },
      { path: 'app.hex', bytes: ':00000001FF\n' },
    ];
    const again = await plant.calls['release.upload']({ ...EMPTY, body: await zipOf(files, 0) }, eve);
    expect(again).toMatchObject({ digest: first.digest, sha256: first.sha256, uploadedBy: 'ada', state: 'approved' });
    expect(await actsOn(first.digest)).toEqual(['ada release.upload', 'eve release.approve']);
  });

  test('goes on once when several people push at once', async () => {
    const { digest } = await upload('1.2.0');
    const outcomes = await Promise.allSettled(
      ['bob', 'eve', 'zoe'].map((name) => plant.calls['release.approve'](on(digest), asPerson(name, ['quality']))),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await actsOn(digest)).toHaveLength(2);
  });

  test('that is none is refused, and nothing is kept of it', async () => {
    const before = await plant.calls['release.list'](EMPTY, ada);
    expect(await code(() => plant.calls['release.upload']({ ...EMPTY, body: new Uint8Array(5) }, ada))).toBe(
      'package-invalid',
    );
    expect(await code(() => plant.calls['release.approve'](on('0'.repeat(64)), eve))).toBe('not-found');
    expect(await plant.calls['release.list'](EMPTY, ada)).toEqual(before);
  });
});

describe('a work order', () => {
  const create = (id: string, release: string, quantity = 10) =>
    plant.calls['order.create']({ ...EMPTY, body: { id, release, quantity } }, ada);

  test('is for a published release, counts its units, and is closed once', async () => {
    const release = await publish('2.0.0');
    expect(await create('WO-1', release)).toMatchObject({
      state: 'open',
      passed: 0,
      attempted: 0,
      product: 'hello-nrf52',
    });
    expect(await code(() => create('WO-1', release))).toBe('state-conflict');
    const line = await plant.enrol('orders-1');
    const of = (serial: string, verdict: 'PASS' | 'FAIL', second: number, rework = false) => ({
      serial,
      uid: null,
      verdict,
      rework,
      order: 'WO-1',
      finishedAt: new Date(Date.UTC(2028, 1, 29, 9, 0, second)).toISOString(),
    });
    await plant.send(line, [
      of('A', 'PASS', 1),
      of('B', 'FAIL', 2),
      of('B', 'PASS', 3),
      of('C', 'FAIL', 4),
      of('C', 'PASS', 5, true),
      of('D', 'FAIL', 6),
      of('A', 'PASS', 7),
      { ...of('E', 'PASS', 8), process: 'final-test' },
      { ...of('F', 'PASS', 9), order: 'WO-2' },
    ]);
    const done = { id: 'WO-1', attempted: 4, passed: 3 };
    expect(await plant.calls['order.list'](EMPTY, ada)).toMatchObject([{ ...done, state: 'open' }]);
    const close = () => plant.calls['order.close']({ ...EMPTY, params: { name: 'WO-1' } }, ada);
    expect(await close()).toMatchObject({ ...done, state: 'closed' });
    expect(await code(close)).toBe('state-conflict');
    expect(await actsOn('WO-1')).toEqual(['ada order.create', 'ada order.close']);
  });

  test('is refused for a release that stations do not get', async () => {
    const { digest } = await upload('2.1.0');
    expect(await code(() => create('WO-3', digest))).toBe('not-found');
    expect(await code(() => create('WO-3', '0'.repeat(64)))).toBe('not-found');
    expect(await code(() => plant.calls['order.close']({ ...EMPTY, params: { name: EVIL } }, ada))).toBe('not-found');
  });
});
