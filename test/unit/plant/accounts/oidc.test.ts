import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Provider } from 'oidc-provider';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OidcSettings } from '#plant/accounts/oidc-settings.ts';
import { API } from '#shared/contract/plant/common.ts';
import { PlantUnderTest } from '#test/support/plant-http.ts';

const SECRET = 'a client secret of some length';
const groups = new Map<string, string[]>([
  ['ada', ['plant-admins', 'others']],
  ['quinn', ['plant-quality']],
  ['eve', ['others']],
]);
const server = createServer();
let plant: PlantUnderTest;
/** Who sits at the provider's sign-in page. */
let signsIn = '';

/** A browser that keeps cookies by host. */
class Browser {
  readonly #jar = new Map<string, Map<string, string>>();

  async visit(url: string): Promise<Response> {
    const { host } = new URL(url);
    const mine = this.#jar.get(host) ?? new Map<string, string>();
    this.#jar.set(host, mine);
    const cookie = [...mine].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, { redirect: 'manual', headers: { cookie } });
    for (const line of response.headers.getSetCookie()) {
      const [pair = ''] = line.split(';');
      const at = pair.indexOf('=');
      if (pair.slice(at + 1) === '') mine.delete(pair.slice(0, at));
      else mine.set(pair.slice(0, at), pair.slice(at + 1));
    }
    return response;
  }

  /** Follows redirects up to the address that `stop` names; who is asked to sign in at the provider does so as `login`. */
  async follow(from: string, login: string, stop: (url: string) => boolean): Promise<string> {
    signsIn = login;
    let at = from;
    for (let step = 0; step < 20 && !stop(at); step++) {
      const response = await this.visit(at);
      const location = response.headers.get('location');
      if (location === null) throw new Error(`nowhere to go at ${at}: ${response.status} ${await response.text()}`);
      at = new URL(location, at).href;
    }
    return at;
  }
}

beforeAll(async () => {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const oidc: OidcSettings = {
    issuer,
    name: 'Company',
    clientId: 'flashline',
    clientSecret: SECRET,
    publicUrl: 'http://plant.test',
    scope: 'openid profile',
    nameClaim: 'preferred_username',
    groupsClaim: 'groups',
    roles: { 'plant-admins': ['admin', 'supervisor'], 'plant-quality': ['quality'] },
  };
  const provider: Provider = new Provider(issuer, {
    clients: [
      {
        client_id: 'flashline',
        client_secret: SECRET,
        redirect_uris: [`http://plant.test${API}/oidc/callback`],
        response_types: ['code'],
        grant_types: ['authorization_code'],
        application_type: 'web',
      },
    ],
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
    loadExistingGrant: async ({ oidc }) => {
      const grant = new provider.Grant({
        clientId: 'flashline',
        ...(oidc.session?.accountId === undefined ? {} : { accountId: oidc.session.accountId }),
      });
      grant.addOIDCScope('openid profile');
      await grant.save();
      return grant;
    },
    claims: { profile: ['preferred_username', 'groups'] },
    findAccount: (_context, id) => ({
      accountId: id,
      claims: async () => ({ sub: id, preferred_username: id, groups: groups.get(id) ?? [] }),
    }),
  });
  const answer = provider.callback();
  server.on('request', (request, response) => {
    if (request.url?.startsWith('/interaction/') !== true) void answer(request, response);
    else void provider.interactionFinished(request, response, { login: { accountId: signsIn } });
  });
  plant = await PlantUnderTest.start({ oidc });
}, 120_000);
afterAll(async () => {
  await plant.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const isBack = (url: string) => url.startsWith('http://plant.test');
/** Where the provider sends the browser back to, as this plant is reached in the test. */
const here = (url: string) => url.replace('http://plant.test', plant.url);

async function signIn(login: string): Promise<{ readonly location: string | null; readonly cookie: string }> {
  const browser = new Browser();
  const back = await browser.follow(`${plant.url}${API}/oidc/start`, login, isBack);
  const response = await browser.visit(here(back));
  const cookie = response.headers.getSetCookie().find((each) => each.startsWith('flashline=')) ?? '';
  return { location: response.headers.get('location'), cookie: cookie.split(';')[0] ?? '' };
}
const person = async (cookie: string) => (await plant.call('session.get', { cookie })).body;

describe('sign-in by OpenID Connect, against oidc-provider', () => {
  it('gives the roles of one’s groups, anew each time', async () => {
    const { location, cookie } = await signIn('ada');
    expect(location).toBe('/');
    expect(await person(cookie)).toEqual({ name: 'ada', roles: ['admin', 'supervisor'], products: [] });
    groups.set('ada', ['plant-quality']);
    const again = await signIn('ada');
    expect(await person(again.cookie)).toEqual({ name: 'ada', roles: ['quality'], products: [] });
    expect((await plant.call('plant.about', {})).body).toMatchObject({ oidc: 'Company' });
  });

  it('lets nobody in who has no role here, or was switched off here', async () => {
    expect(await signIn('eve')).toEqual({ location: '/?refused=not-allowed', cookie: '' });
    const admin = await plant.person('root', ['admin']);
    await signIn('quinn');
    await plant.call('user.change', admin, { params: { name: 'quinn' }, body: { active: false } });
    expect(await signIn('quinn')).toEqual({ location: '/?refused=sign-in-refused', cookie: '' });
  });

  it('makes nobody a local user by being called like one', async () => {
    await plant.addPerson('Mallory', ['admin']);
    groups.set('mallory', ['plant-quality']);
    expect(await signIn('mallory')).toEqual({ location: '/?refused=state-conflict', cookie: '' });
  });

  it('takes no answer that was not asked for in this browser, or twice', async () => {
    groups.set('zoe', ['plant-quality']);
    const browser = new Browser();
    const back = here(await browser.follow(`${plant.url}${API}/oidc/start`, 'zoe', isBack));
    const stranger = await new Browser().visit(back);
    expect(stranger.headers.get('location')).toBe('/?refused=sign-in-refused');
    const tampered = await browser.visit(back.replace(/state=[^&]+/, 'state=other'));
    expect(tampered.headers.get('location')).toBe('/?refused=sign-in-refused');
    const other = new Browser();
    const good = here(await other.follow(`${plant.url}${API}/oidc/start`, 'zoe', isBack));
    expect((await other.visit(good)).headers.get('location')).toBe('/');
    expect((await other.visit(good)).headers.get('location')).toBe('/?refused=sign-in-refused');
    expect(plant.logs.join('\n')).not.toContain(SECRET);
  });
});
