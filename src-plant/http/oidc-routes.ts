import type { FastifyInstance, FastifyReply } from 'fastify';
import { API } from '#shared/contract/plant/common.ts';
import { toFailure } from '#shared/model/failure.ts';
import { FLOW_MS, type Oidc } from '../accounts/oidc.ts';
import { signInByOidc } from '../accounts/oidc-users.ts';
import type { UserSessions } from '../accounts/user-sessions.ts';
import type { Database } from '../database/database.ts';
import { type Cookies } from './cookies.ts';

export const OIDC_CALLBACK = `${API}/oidc/callback`;

export interface OidcParts {
  readonly oidc: Oidc;
  readonly database: Database;
  readonly userSessions: UserSessions;
  readonly cookies: Cookies;
  readonly secure: boolean;
  readonly now: () => Date;
}

/**
 * Two addresses that a browser goes to by itself: away to the provider, and back. What fails ends on the sign-in page, with the
 * failure's code in its address.
 */
export function oidcRoutes(
  app: FastifyInstance,
  { oidc, database, userSessions, cookies, secure, now }: OidcParts,
): void {
  const route = { schema: { hide: true }, config: { limited: true } };
  // Lax: on the way back it is another site that sends the browser here.
  const flowCookie = { path: `${API}/oidc`, httpOnly: true, sameSite: 'lax', secure, maxAge: FLOW_MS / 1000 } as const;
  const refuse = (reply: FastifyReply, thrown: unknown) => {
    const failure = toFailure(thrown);
    reply.log.warn({ code: failure.code, cause: failure.cause }, 'a sign-in by OpenID Connect failed');
    return reply.redirect(`/?refused=${failure.code}`, 303);
  };
  app.get(`${API}/oidc/start`, route, async (_request, reply) => {
    try {
      const { url, flow } = await oidc.start(now());
      return await reply.setCookie('flashline-oidc', flow, flowCookie).redirect(url, 303);
    } catch (thrown) {
      return refuse(reply, thrown);
    }
  });
  app.get(OIDC_CALLBACK, route, async (request, reply) => {
    reply.clearCookie('flashline-oidc', flowCookie);
    try {
      const query = request.url.slice(request.url.indexOf('?'));
      const person = await oidc.finish(query, request.cookies['flashline-oidc'] ?? '', now());
      cookies.keep(reply, await signInByOidc(database, userSessions, person, now()));
      return await reply.redirect('/', 303);
    } catch (thrown) {
      return refuse(reply, thrown);
    }
  });
}
