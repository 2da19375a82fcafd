import type { FastifyReply, FastifyRequest } from 'fastify';
import { LONGEST_MS } from '../accounts/user-sessions.ts';

/** The session's cookie: no script reads it, and no other site's page makes the browser send it. */
export interface Cookies {
  read(request: FastifyRequest): string | null;
  keep(reply: FastifyReply, token: string): void;
  drop(reply: FastifyReply): void;
}

/** `__Host-` has browsers refuse the cookie from any other host and without TLS (RFC 6265bis, 4.1.3). */
export function sessionCookies(secure: boolean): Cookies {
  const name = secure ? '__Host-flashline' : 'flashline';
  const options = { path: '/', httpOnly: true, sameSite: 'strict', secure } as const;
  return {
    read: (request) => request.cookies[name] ?? null,
    keep: (reply, token) => void reply.setCookie(name, token, { ...options, maxAge: LONGEST_MS / 1000 }),
    drop: (reply) => void reply.clearCookie(name, options),
  };
}
