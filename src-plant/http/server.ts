import type { Server as HttpServer } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import cookie from '@fastify/cookie';
import { serializerCompiler, validatorCompiler } from '@fastify/type-provider-zod';
import Fastify, { type FastifyInstance, type FastifyServerOptions, LogController } from 'fastify';
import { authenticate, type RateLimits } from './authenticate.ts';
import { packAnswers, unpackBodies } from './content-encoding.ts';
import { sessionCookies } from './cookies.ts';
import { acceptBodies } from './json-body.ts';
import { callOf, serveMetrics } from './metrics.ts';
import { oidcRoutes } from './oidc-routes.ts';
import { describeApi } from './openapi.ts';
import { hardenAnswers, servePages } from './pages.ts';
import { type DescribeFailure, refuseInWords } from './refusal.ts';
import { bindEndpoints } from './routes.ts';
import type { AllHandlers } from './session-context.ts';
import type { Oidc } from '../accounts/oidc.ts';
import type { StationSessions } from '../accounts/station-sessions.ts';
import type { UserSessions } from '../accounts/user-sessions.ts';
import type { PlantCommands } from '../commands/commands.ts';
import type { Database } from '../database/database.ts';
import type { KeyStores } from '../signing/key-stores.ts';
import type { SigningCounts } from '../signing/signing-counts.ts';
import type { TlsKeeper } from './tls-keeper.ts';

export interface ServerParts {
  readonly database: Database;
  readonly handlers: AllHandlers;
  readonly userSessions: UserSessions;
  readonly stationSessions: StationSessions;
  readonly now: () => Date;
  readonly describe: DescribeFailure;
  /** Null: plain HTTP. */
  readonly tls: TlsKeeper | null;
  readonly limits: RateLimits;
  readonly metricsToken: string | null;
  /** Addresses of reverse proxies whose X-Forwarded-* headers are believed. */
  readonly proxies: readonly string[];
  /** Folder of the built pages (dist/plant); null, or a folder without them: no pages. */
  readonly pages: string | null;
  readonly name: string;
  readonly version: string;
  /** Throws when the database is not there or not in shape. */
  readonly requireReady: () => Promise<void>;
  /** One line of JSON a call. */
  readonly log: (line: string) => void;
  /** Null: people sign in by password only. */
  readonly openId: Oidc | null;
  readonly stores: KeyStores;
  readonly signingCounts: SigningCounts;
  readonly commands: PlantCommands;
}

/** A whole request must be there within this: an upload of the largest release over a slow line. */
const REQUEST_MS = 120_000;
const HEADERS_MS = 10_000;
/** How often the two above are looked at. */
const CHECK_MS = 2000;
const KEEP_ALIVE_MS = 72_000;
const MIN_TLS = 'TLSv1.2';
/** Longer than any label, percent-encoded. */
const MAX_PARAM_LENGTH = 2048;

/** The whole HTTP server, ready to listen. */
export async function createServer(parts: ServerParts): Promise<FastifyInstance> {
  const app = makeApp(parts);
  const secure = parts.tls !== null || parts.proxies.length > 0;
  const cookies = sessionCookies(secure);
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  refuseInWords(app, parts.describe);
  logCalls(app);
  await hardenAnswers(app, secure);
  await app.register(cookie);
  await authenticate(app, { ...parts, cookies });
  acceptBodies(app);
  unpackBodies(app);
  packAnswers(app);
  await describeApi(app, parts);
  serveMetrics(app, { ...parts, token: parts.metricsToken });
  serveHealth(app, parts);
  bindEndpoints(app, parts.handlers, { cookies, now: parts.now });
  if (parts.openId !== null) oidcRoutes(app, { ...parts, oidc: parts.openId, cookies, secure });
  await servePages(app, parts.pages);
  return app;
}

function makeApp(parts: ServerParts): FastifyInstance {
  const timeouts = { headersTimeout: HEADERS_MS, connectionsCheckingInterval: CHECK_MS };
  if (parts.tls === null) return Fastify({ ...optionsOf<HttpServer>(parts), http: timeouts });
  const { cert, key } = parts.tls.current;
  const app = Fastify({ ...optionsOf<HttpsServer>(parts), https: { ...timeouts, cert, key, minVersion: MIN_TLS } });
  parts.tls.serve({
    // Connections that are there go on with what they began with.
    use: (files) => app.server.setSecureContext({ cert: files.cert, key: files.key, minVersion: MIN_TLS }),
    told: (news) => {
      if (news.kind === 'taken')
        app.log.info({ until: news.until.toISOString() }, 'a renewed TLS certificate is served');
      else
        app.log.error({ detail: news.detail }, 'a renewed TLS certificate is not taken: the old one is still served');
    },
  });
  // The two kinds of server differ only in their sockets, which nothing of ours touches.
  return app;
}

function optionsOf<S extends HttpServer | HttpsServer>({ proxies, log }: ServerParts): FastifyServerOptions<S> {
  return {
    logger: { level: 'info', base: null, serializers: SILENT, stream: { write: (line) => log(line.trimEnd()) } },
    logController: new LogController({ disableRequestLogging: true }),
    trustProxy: proxies.length === 0 ? false : [...proxies],
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: 'idle',
    return503OnClosing: true,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    exposeHeadRoutes: false,
  };
}

/** Whoever logs a request or an answer by mistake logs nothing of it: both carry secrets. */
const SILENT = { req: () => ({}), res: () => ({}) };

function logCalls(app: FastifyInstance): void {
  app.addHook('onResponse', async (request, reply) => {
    const who = request.caller?.kind === 'nobody' ? null : request.caller?.name;
    request.log.info(
      { call: callOf(request), status: reply.statusCode, ms: Math.round(reply.elapsedTime), who, remote: request.ip },
      'call',
    );
  });
}

function serveHealth(app: FastifyInstance, { requireReady, tls, stores }: ServerParts): void {
  const schema = { hide: true };
  app.get('/health', { schema }, async () => ({
    status: 'ok',
    ...(tls === null ? {} : { tls: healthOf(tls) }),
    // A server whose key store is gone still takes records: it stays ready.
    ...(Object.keys(stores).length === 0 ? {} : { signing: signingHealth(stores) }),
  }));
  app.get('/ready', { schema }, async () => {
    await requireReady();
    return { status: 'ready' };
  });
}

/** For anybody: whether keys can be used, and whether there are some that prove nothing. */
function signingHealth(stores: KeyStores): Record<string, string> {
  return Object.fromEntries(Object.values(stores).map(({ kind, state }) => [kind, state.is]));
}

/** For anybody: whether the certificate is renewed as it should be, and no name of a file. */
function healthOf({ state }: TlsKeeper): { readonly until: string; readonly renewal: 'ok' | 'refused' } {
  return { until: state.until.toISOString(), renewal: state.refused === null ? 'ok' : 'refused' };
}
