import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Access, type Endpoint, PlantRole } from '#shared/contract/plant/endpoint.ts';
import { plantEndpoints, type PlantCall } from '#shared/contract/plant/endpoints.ts';
import { type Credential, NOBODY, PlantUnderTest } from '#test/support/plant-http.ts';

type Who = PlantRole | 'nobody' | 'station' | 'stranger';

const calls = Object.entries(plantEndpoints) as [PlantCall, Endpoint][];
const everybody: readonly Who[] = [...PlantRole.options, 'nobody', 'station', 'stranger'];
const credentials = new Map<Who, Credential>([['nobody', NOBODY]]);
let plant: PlantUnderTest;

/** Ends the sessions that other cases need, or signs them in as somebody else. */
const LAST: ReadonlySet<PlantCall> = new Set<PlantCall>(['session.close']);

beforeAll(async () => {
  plant = await PlantUnderTest.start();
  for (const role of PlantRole.options) credentials.set(role, await plant.person(role, [role], ['some-product']));
  credentials.set('station', await plant.station('L1'));
  credentials.set('stranger', { authorization: `Bearer ${'x'.repeat(43)}` });
}, 120_000);
afterAll(() => plant.close());

function expected(access: Access, who: Who): 'in' | 'signed-out' | 'not-allowed' {
  if (access === 'none') return 'in';
  if (who === 'nobody' || who === 'stranger') return 'signed-out';
  if (access === 'station') return who === 'station' ? 'in' : 'not-allowed';
  if (who === 'station') return 'not-allowed';
  return access === 'any' || access.includes(who) ? 'in' : 'not-allowed';
}

describe('every call, by everybody, against its row in the table', () => {
  it.each(calls.filter(([call]) => !LAST.has(call)))('%s', async (call, { access, bytes }) => {
    for (const who of everybody) {
      // Nothing fits any schema here: whoever is let in is told so, and nothing happens.
      const body = bytes === 'body' ? new Uint8Array([1]) : { no: 'such member' };
      const { code, status } = await plant.send(call, credentials.get(who) ?? NOBODY, { query: { nosuch: '1' }, body });
      const seen = code === 'signed-out' || code === 'not-allowed' ? code : 'in';
      const wanted = expected(access, who);
      expect([who, seen]).toEqual([who, wanted]);
      expect([who, status === 401, status === 403]).toEqual([who, wanted === 'signed-out', wanted === 'not-allowed']);
    }
  });

  it('session.close', async () => {
    for (const who of everybody.filter((each) => each !== 'admin')) {
      const { code } = await plant.call('session.close', credentials.get(who) ?? NOBODY);
      expect([who, code ?? 'in']).toEqual([who, expected('any', who)]);
      const after = await plant.call('session.get', credentials.get(who) ?? NOBODY);
      expect([who, after.code]).toEqual([who, who === 'station' ? 'not-allowed' : 'signed-out']);
    }
  });

  it('a token of one kind is none of the other', async () => {
    const cookie = credentials.get('admin')?.['cookie'] ?? '';
    const bearer = credentials.get('station')?.['authorization'] ?? '';
    const asBearer = { authorization: `Bearer ${cookie.split('=')[1]}` };
    const asCookie = { cookie: `flashline=${bearer.split(' ')[1]}`, origin: plant.url };
    expect((await plant.call('session.get', asBearer)).code).toBe('signed-out');
    expect((await plant.call('user.list', asCookie)).code).toBe('signed-out');
    expect((await plant.call('station.head', asCookie, { params: { chain: '0'.repeat(64) } })).code).toBe('signed-out');
  });

  it('a role that was taken away is gone with the next call', async () => {
    const lead = await plant.person('lead', ['supervisor', 'quality']);
    const admin = credentials.get('admin') ?? NOBODY;
    expect((await plant.call('audit.list', lead)).code).toBeNull();
    await plant.call('user.change', admin, { params: { name: 'lead' }, body: { roles: ['supervisor'] } });
    expect((await plant.call('audit.list', lead)).code).toBe('not-allowed');
    await plant.call('user.change', admin, { params: { name: 'lead' }, body: { active: false } });
    expect((await plant.call('session.get', lead)).code).toBe('signed-out');
  });
});
