import {
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  calculatePKCECodeChallenge,
  ClientSecretBasic,
  type Configuration,
  discovery,
  fetchUserInfo,
  None,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
} from 'openid-client';
import { z } from 'zod';
import type { PlantRole } from '#shared/contract/plant/endpoint.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Keyring } from '../keyring/keyring.ts';
import type { OidcSettings } from './oidc-settings.ts';
import type { OidcPerson } from './oidc-users.ts';

/** From the sign-in button to the way back. */
export const FLOW_MS = 10 * 60_000;
const FLOW_TYP = 'flashline-oidc-flow+jwt';
const Flow = z.object({ state: z.string(), nonce: z.string(), verifier: z.string(), until: z.number() });

export interface Oidc {
  /** Where the browser is sent, and what it keeps meanwhile (a signed statement; no server process remembers anything). */
  start(now: Date): Promise<{ readonly url: string; readonly flow: string }>;
  /** `query`: of the way back, with `?`. Throws `sign-in-refused` for whatever proves nobody, `plant-unreachable`. */
  finish(query: string, flow: string, now: Date): Promise<OidcPerson>;
}

/** Authorisation code flow with PKCE, state and nonce (OpenID Connect Core 1.0, RFC 7636). */
export function createOidc(settings: OidcSettings, keyring: Keyring, callbackPath: string): Oidc {
  const redirect = new URL(callbackPath, settings.publicUrl).href;
  const configuration = remembered(() => discover(settings));
  return {
    async start(now) {
      const flow = {
        state: randomState(),
        nonce: randomNonce(),
        verifier: randomPKCECodeVerifier(),
        until: now.getTime() + FLOW_MS,
      };
      const url = buildAuthorizationUrl(await configuration(), {
        redirect_uri: redirect,
        scope: settings.scope,
        state: flow.state,
        nonce: flow.nonce,
        code_challenge: await calculatePKCECodeChallenge(flow.verifier),
        code_challenge_method: 'S256',
      });
      return { url: url.href, flow: await keyring.signer.sign(flow, FLOW_TYP) };
    },
    async finish(query, flow, now) {
      const begun = Flow.safeParse(await keyring.verify(flow, FLOW_TYP)).data;
      if (begun === undefined || begun.until <= now.getTime())
        throw new FlashlineError('sign-in-refused', { cause: 'this sign-in was not begun here, or too long ago' });
      const claims = await claimsOf(await configuration(), new URL(query, redirect), begun);
      const { [settings.nameClaim]: name, [settings.groupsClaim]: groups } = claims;
      return {
        issuer: settings.issuer,
        subject: claims.sub,
        name: typeof name === 'string' ? name : claims.sub,
        roles: rolesOf(groups, settings),
      };
    },
  };
}

async function discover({ issuer, clientId, clientSecret }: OidcSettings): Promise<Configuration> {
  const url = new URL(issuer);
  const client = clientSecret === null ? None() : ClientSecretBasic(clientSecret);
  // Plain HTTP never leaves this computer.
  const execute = ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname) ? [allowInsecureRequests] : [];
  try {
    return await discovery(url, clientId, {}, client, { execute });
  } catch (cause) {
    throw new FlashlineError('plant-unreachable', { params: { url: issuer }, cause });
  }
}

const Claims = z.looseObject({ sub: z.string() });

/** Of the ID token, completed by the user info endpoint: providers put groups in either. */
async function claimsOf(
  configuration: Configuration,
  url: URL,
  flow: z.infer<typeof Flow>,
): Promise<z.infer<typeof Claims>> {
  try {
    const tokens = await authorizationCodeGrant(configuration, url, {
      pkceCodeVerifier: flow.verifier,
      expectedState: flow.state,
      expectedNonce: flow.nonce,
      idTokenExpected: true,
    });
    const proven = Claims.parse(tokens.claims());
    if (configuration.serverMetadata().userinfo_endpoint === undefined) return proven;
    return { ...(await fetchUserInfo(configuration, tokens.access_token, proven.sub)), ...proven };
  } catch (cause) {
    throw new FlashlineError('sign-in-refused', { cause });
  }
}

/** A claim of one group may be a text, of several an array of texts. */
function rolesOf(groups: unknown, { roles }: OidcSettings): PlantRole[] {
  const names = z.union([z.array(z.string()), z.string().transform((name) => [name])]).safeParse(groups).data ?? [];
  return [...new Set(names.flatMap((name) => (Object.hasOwn(roles, name) ? (roles[name] ?? []) : [])))];
}

/** Asked for once it is needed, and again when that failed. */
function remembered<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null;
  return () => {
    made ??= make().catch((thrown: unknown) => {
      made = null;
      throw thrown;
    });
    return made;
  };
}
