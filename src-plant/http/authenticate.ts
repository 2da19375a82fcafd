import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { FlashlineError } from '#shared/model/failure.ts';
import { secretDigest } from '../accounts/secret.ts';
import type { StationSessions } from '../accounts/station-sessions.ts';
import type { UserSessions } from '../accounts/user-sessions.ts';
import { requireAccess } from './access.ts';
import type { Cookies } from './cookies.ts';
import type { Caller } from './handlers.ts';

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller;
  }
  interface FastifyContextConfig {
    /** No endpoint of the contract, and yet not to be called without end. */
    readonly limited?: boolean;
  }
}

/** Calls a minute. Counted by each server process for itself. */
export interface RateLimits {
  /** From one address, by nobody in particular; as many again with wrong credentials. */
  readonly anonymous: number;
  /** Of one session. */
  readonly session: number;
}
export const RATE_LIMITS: RateLimits = { anonymous: 300, session: 3000 };

export interface AuthParts {
  readonly cookies: Cookies;
  readonly userSessions: UserSessions;
  readonly stationSessions: StationSessions;
  readonly limits: RateLimits;
  readonly now: () => Date;
}

const NOBODY: Caller = { kind: 'nobody' };
const MINUTE_MS = 60_000;

/**
 * Before a body is read: who calls, whether too often, and whether the endpoint is for them. Pages, health and metrics are
 * nobody's calls and cost next to nothing.
 */
export async function authenticate(app: FastifyInstance, parts: AuthParts): Promise<void> {
  await app.register(rateLimit, { global: false });
  const bySession = app.createRateLimit({
    max: parts.limits.session,
    timeWindow: MINUTE_MS,
    keyGenerator: (request) => secretDigest(credentialOf(request, parts.cookies)?.token ?? ''),
  });
  // An IPv6 address stands for its /64.
  const byRemote = app.createRateLimit({ max: parts.limits.anonymous, timeWindow: MINUTE_MS, ipv6Subnet: 64 });
  const byWrongCredentials = app.createRateLimit({
    max: parts.limits.anonymous,
    timeWindow: MINUTE_MS,
    ipv6Subnet: 64,
    keyGenerator: (request) => `wrong ${request.ip}`,
  });
  app.decorateRequest('caller');
  app.addHook('onRequest', async (request) => {
    request.caller = NOBODY;
    const { endpoint, limited } = request.routeOptions.config;
    if (endpoint === undefined && limited !== true) return;
    const credential = credentialOf(request, parts.cookies);
    if (credential === null) await within(byRemote(request));
    else {
      // Whoever tries credential after credential is stopped before the database is asked.
      await within(byWrongCredentials(request, { increment: false }));
      await within(bySession(request));
      request.caller = await callerOf(credential, parts);
      if (request.caller.kind === 'nobody') await within(byWrongCredentials(request));
    }
    if (endpoint === undefined) return;
    requireSameOrigin(request, credential);
    requireAccess(endpoint.access, request.caller);
  });
}

interface Credential {
  readonly kind: 'station' | 'person';
  readonly token: string;
}

/** A station's token comes as `Authorization: Bearer`, a person's as a cookie; neither is taken for the other. */
function credentialOf(request: FastifyRequest, cookies: Cookies): Credential | null {
  const { authorization } = request.headers;
  if (authorization !== undefined)
    return { kind: 'station', token: /^Bearer +([\w-]+) *$/i.exec(authorization)?.[1] ?? '' };
  const token = cookies.read(request);
  return token === null ? null : { kind: 'person', token };
}

async function callerOf({ kind, token }: Credential, parts: AuthParts): Promise<Caller> {
  if (kind === 'station') {
    const name = await parts.stationSessions.find(token, parts.now());
    return name === null ? NOBODY : { kind, name };
  }
  const person = await parts.userSessions.find(token, parts.now());
  return person === null ? NOBODY : { kind, ...person };
}

async function within(counted: ReturnType<ReturnType<FastifyInstance['createRateLimit']>>): Promise<void> {
  const outcome = await counted;
  if (!outcome.isAllowed && outcome.isExceeded)
    throw new FlashlineError('too-many-requests', { params: { seconds: outcome.ttlInSeconds } });
}

/**
 * A page of another site may make a browser send things here; it cannot make it lie about where they come from. Beyond
 * SameSite, and also for signing in, which needs no cookie.
 */
function requireSameOrigin(request: FastifyRequest, credential: Credential | null): void {
  if (request.method === 'GET' || request.method === 'HEAD') return;
  const { origin } = request.headers;
  if (origin === undefined && credential?.kind !== 'person') return;
  if (origin === `${request.protocol}://${request.host}`) return;
  throw new FlashlineError('bad-request', {
    params: { detail: `a change by a page must come from a page of this server, not from ${origin ?? 'nowhere'}` },
  });
}
