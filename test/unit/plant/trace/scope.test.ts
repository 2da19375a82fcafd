import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sha256Hex } from '#shared/base/digest.ts';
import { toFailure } from '#shared/model/failure.ts';
import type { CallContext } from '#plant/http/handlers.ts';
import { yieldHandlers } from '#plant/http/handlers/yield.ts';
import { AS_NOBODY, asPerson, EMPTY, NOW, openPlant, type PlantInMemory } from '#test/support/plant/plant-in-memory.ts';
import { releaseZip } from '#test/support/plant/release-zip.ts';
import { FAILED } from '#test/support/plant-chain.ts';
import { failureOf } from '../../release/failure-of.ts';

let plant: PlantInMemory;
const digests: Record<string, string> = {};
beforeAll(async () => {
  plant = await openPlant();
  const line = await plant.enrol('line-1');
  const of = (id: string, uid: string, minute: number) => ({
    serial: 'S',
    uid,
    order: 'WO',
    product: { id, revision: 'A', name: id },
    finishedAt: new Date(Date.UTC(2028, 1, 29, 8, minute)).toISOString(),
  });
  await plant.send(line, [of('mine', 'm1', 0), of('mine', 'm2', 1), of('theirs', 't1', 2), of('theirs', 't2', 3)]);
  for (const product of ['mine', 'theirs']) {
    const { digest } = await plant.calls['release.upload']({ ...EMPTY, body: await releaseZip({ product }) }, ada);
    digests[product] = digest;
    await plant.calls['release.approve']({ ...EMPTY, params: { digest } }, eve);
    await plant.calls['release.publish']({ ...EMPTY, params: { digest } }, eve);
    await plant.calls['order.create']({ ...EMPTY, body: { id: `WO-${product}`, release: digest, quantity: 3 } }, ada);
    await create(`pool-${product}`, product, ada);
    await link([product], ada);
  }
  await create('pool-all', null, ada);
  await link(['mine', 'theirs'], ada);
  await plant.database.query(
    `INSERT INTO findings (kind, station, detail, identity, found_at) VALUES ('clock-skew', 'line-1', '{}', 'c', now())`,
  );
});
afterAll(() => plant.close());

const ada = asPerson('ada', ['process-engineer', 'quality', 'admin']);
const eve = asPerson('eve', ['quality']);
/** Whoever has products named sees those alone, whatever else he is. */
const bound: readonly (readonly [string, CallContext])[] = [
  ['a buyer', asPerson('bob', ['buyer'], ['mine'])],
  ['an engineer of one product', asPerson('kim', ['process-engineer', 'quality', 'admin'], ['mine'])],
];
const blind = asPerson('new', ['buyer']);

const yields: ReturnType<typeof yieldHandlers>['yield.report'] = (given, by) =>
  yieldHandlers({ database: plant.database })['yield.report'](given, by);
const query = <Q>(given: Q) => ({ ...EMPTY, query: given });
const body = <B>(given: B) => ({ ...EMPTY, body: given });
const create = (id: string, product: string | null, by: CallContext) =>
  plant.calls['pool.create'](
    body({ id, kind: 'serial' as const, product, prefix: id, digits: 4, first: 0, last: 9, block: 5 }),
    by,
  );
const link = (products: string[], by: CallContext) =>
  plant.calls['buyer-link.create'](body({ products, note: 'n', days: 30 }), by);
const code = async (call: () => unknown) => (await failureOf(call)).code;

/** Every call that shows something, as the products (or names of things of a product) that it showed. */
const shows: Record<string, (by: CallContext) => Promise<readonly unknown[]>> = {
  'unit.trace': async (by) => {
    const traces = await plant.calls['unit.trace']({ ...EMPTY, params: { serial: 'S' } }, by);
    const runs = traces.flatMap((trace) => trace.runs).map(({ record }) => record.product.id);
    const findings = traces.flatMap((trace) => trace.findings).map(({ product }) => product);
    return [...traces.map(({ product }) => product.id), ...runs, ...findings];
  },
  'unit.find': async (by) => {
    const { units } = await plant.calls['unit.find'](query({ by: 'order' as const, value: 'WO', limit: 50 }), by);
    return units.map(({ product }) => product);
  },
  'unit.certificate': async (by) => {
    const { certificate } = await plant.calls['unit.certificate'](
      { ...EMPTY, params: { serial: 'S', product: 'mine' } },
      by,
    );
    return [certificate.product.id];
  },
  'recall.search': async (by) => {
    const given = { by: 'image' as const, value: 'c'.repeat(64), limit: 50 };
    const { units, total } = await plant.calls['recall.search'](query(given), by);
    expect(total.units).toBe(units.length);
    return units.map(({ product }) => product);
  },
  'finding.list': async (by) =>
    (await plant.calls['finding.list'](query({ open: 'true' as const }), by)).map(({ product }) => product),
  'yield.report': async (by) => {
    const span = { from: '2028-02-29T00:00:00Z', to: '2028-03-01T00:00:00Z', by: 'hour' } as const;
    const { cells, ends } = await yields(query(span), by);
    const { cells: foreign } = await yields(query({ ...span, product: 'theirs' }), by);
    expect(ends.length).toBe(Math.min(1, cells.length));
    return [...cells, ...foreign].map(({ product }) => product);
  },
  'release.list': async (by) => (await plant.calls['release.list'](EMPTY, by)).map(({ product }) => product),
  'order.list': async (by) => (await plant.calls['order.list'](EMPTY, by)).map(({ product }) => product),
  'pool.list': async (by) => (await plant.calls['pool.list'](EMPTY, by)).map(({ product }) => product),
  'buyer-link.list': async (by) =>
    (await plant.calls['buyer-link.list'](EMPTY, by)).flatMap(({ products }) => products),
};

// A certificate is asked for by its product.
test.each(Object.keys(shows).filter((call) => call !== 'unit.certificate'))(
  '%s has products of others to hide',
  async (call) => {
    expect(await shows[call]?.(ada)).toContain('theirs');
  },
);

describe.each(bound)('%s', (_, by) => {
  test.each(Object.keys(shows))('sees only his products in %s', async (call) => {
    expect(new Set(await shows[call]?.(by))).toEqual(new Set(['mine']));
  });

  test('gets another’s unit, release, order or finding no more than one that never was', async () => {
    const { calls } = plant;
    const findings = await calls['finding.list'](query({ open: 'true' as const }), ada);
    const foreign = findings.find(({ product }) => product === 'theirs');
    const release = { ...EMPTY, params: { digest: digests['theirs'] ?? '' } };
    const links = await calls['buyer-link.list'](EMPTY, ada);
    const mixed = links.find(({ products }) => products.length === 2)?.id ?? 0;
    const theirs = { ...EMPTY, params: { serial: 'S', product: 'theirs' } };
    const attempts: Record<string, () => Promise<unknown>> = {
      certificate: () => calls['unit.certificate'](theirs, by),
      settle: () => calls['finding.settle']({ ...EMPTY, params: { id: foreign?.id ?? 0 }, body: { note: 'x' } }, by),
      approve: () => calls['release.approve'](release, by),
      publish: () => calls['release.publish'](release, by),
      withdraw: () => calls['release.withdraw']({ ...release, body: { reason: 'x' } }, by),
      order: () => calls['order.create'](body({ id: 'X', release: digests['theirs'] ?? '', quantity: 1 }), by),
      close: () => calls['order.close']({ ...EMPTY, params: { name: 'WO-theirs' } }, by),
      pool: () => create('X', 'theirs', by),
      'pool of all': () => create('X', null, by),
      link: () => link(['mine', 'theirs'], by),
      revoke: () => calls['buyer-link.revoke']({ ...EMPTY, params: { id: mixed } }, by),
    };
    const outcomes: string[] = [];
    for (const [name, attempt] of Object.entries(attempts)) outcomes.push(`${name} ${await code(attempt)}`);
    expect(outcomes).toEqual(Object.keys(attempts).map((name) => `${name} not-found`));
    const upload = async () =>
      calls['release.upload'](body(await releaseZip({ product: 'theirs', version: '7.7.7' })), by);
    expect(await code(upload)).toBe('not-found');
    const recall = { by: 'image' as const, value: 'c'.repeat(64), product: 'theirs', limit: 5 };
    expect((await calls['recall.search'](query(recall), by)).total.units).toBe(0);
  });
});

test.each(Object.keys(shows))('a buyer of nothing yet sees nothing in %s', async (call) => {
  const seen = await shows[call]?.(blind).catch((thrown: unknown) => toFailure(thrown).code);
  expect(['not-found', []]).toContainEqual(seen);
});

describe('a buyer’s link', () => {
  const trace = (secret: string, now = NOW, serial = 'S') =>
    plant.calls['buyer.trace'](body({ secret, serial }), { ...AS_NOBODY, now });

  test('shows certificates of its products, and nothing else', async () => {
    const { link: made, path } = await link(['mine', 'no such product'], ada);
    expect(path).toMatch(/^\/buyer#[\w-]{27}$/);
    const secret = path.split('#')[1] ?? '';
    const found = await trace(secret);
    expect(found.map(({ certificate }) => certificate.product.id)).toEqual(['mine']);
    expect(await trace(secret, NOW, 'unknown')).toEqual([]);
    const [row] = await plant.database.query('SELECT * FROM buyer_links WHERE id = $1', [made.id]);
    expect(JSON.stringify(row)).not.toContain(secret);
    expect(row?.['digest']).toBe(sha256Hex(new TextEncoder().encode(secret)));
  });

  test('that ended, was revoked, or never was, is refused in the same words', async () => {
    const { link: made, path } = await link(['mine'], ada);
    const secret = path.split('#')[1] ?? '';
    const until = Date.parse(made.until);
    expect(until).toBe(NOW.getTime() + 30 * 86_400_000);
    expect(await trace(secret, new Date(until - 1))).toHaveLength(1);
    const expired = await failureOf(() => trace(secret, new Date(until)));
    await plant.calls['buyer-link.revoke']({ ...EMPTY, params: { id: made.id } }, ada);
    await plant.calls['buyer-link.revoke']({ ...EMPTY, params: { id: made.id } }, ada);
    const failures = [
      await failureOf(() => trace(secret)),
      await failureOf(() => trace('never-was')),
      await failureOf(() => trace('')),
      await failureOf(() => trace(`' OR 1=1 --`)),
      await failureOf(() => trace(`${secret.slice(0, -1)}_`)),
    ];
    for (const failure of failures) expect(failure).toEqual(expired);
    expect(expired).toMatchObject({ code: 'not-found' });
    const acts = await plant.database.query("SELECT action FROM audit_log WHERE object = $1 AND action LIKE 'buyer%'", [
      String(made.id),
    ]);
    expect(acts.map(({ action }) => action)).toEqual(['buyer-link.create', 'buyer-link.revoke']);
    expect(await code(() => plant.calls['buyer-link.revoke']({ ...EMPTY, params: { id: 999_999 } }, ada))).toBe(
      'not-found',
    );
  });

  test('leaves out a unit that is not proven now', async () => {
    const line = await plant.enrol('line-9');
    const unit = { serial: 'HALF', uid: null, product: { id: 'mine', revision: 'A', name: 'mine' } };
    await plant.send(line, [
      { ...unit, finishedAt: '2028-02-29T08:00:00.000Z' },
      { ...unit, ...FAILED, finishedAt: '2028-02-29T09:00:00.000Z' },
    ]);
    const { path } = await link(['mine'], ada);
    expect(await trace(path.split('#')[1] ?? '', NOW, 'HALF')).toEqual([]);
  });
});
