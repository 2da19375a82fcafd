import { existsSync } from 'node:fs';
import { join } from 'node:path';
import helmet from '@fastify/helmet';
import statics from '@fastify/static';
import Fastify, { type FastifyInstance } from 'fastify';
import { API } from '#shared/contract/plant/common.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { pathOf } from './refusal.ts';

/** SHA-256 of nothing: MUI's style engine adds empty style elements and fills them through the CSS object model. */
const EMPTY_STYLE = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='";

/** Headers by which browsers load nothing but our own files and talk to nobody else. */
export async function hardenAnswers(app: FastifyInstance, secure: boolean): Promise<void> {
  const headers = await hardeningHeaders(secure);
  app.addHook('onRequest', async (_request, reply) => {
    for (const [name, value] of headers) reply.raw.setHeader(name, value);
  });
  app.addHook('onSend', async (request, reply, payload) => {
    if (pathOf(request).startsWith(API)) reply.header('cache-control', 'no-store');
    return payload;
  });
}

/** They are the same for every answer, and Helmet puts them together anew for each: a tenth of what a short call costs. */
async function hardeningHeaders(secure: boolean): Promise<readonly (readonly [string, string])[]> {
  const bare = Fastify();
  await bare.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'", EMPTY_STYLE],
        imgSrc: ["'self'", 'data:'],
        fontSrc: ["'self'"],
        connectSrc: ["'self'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
        requireTrustedTypesFor: ["'script'"],
      },
    },
    referrerPolicy: { policy: 'no-referrer' },
    crossOriginResourcePolicy: { policy: 'same-origin' },
    xFrameOptions: { action: 'deny' },
    // Browsers heed it only under TLS; and a certificate of the plant's own must not lock people out for a year.
    strictTransportSecurity: secure ? { maxAge: 86_400, includeSubDomains: false } : false,
  });
  const policy = 'camera=(), geolocation=(), microphone=(), usb=(), serial=(), hid=()';
  const hardened: (readonly [string, string])[] = [['permissions-policy', policy]];
  bare.get('/', async (_request, reply) => {
    hardened.push(...Object.entries(reply.raw.getHeaders()).map(([name, value]) => [name, String(value)] as const));
    return '';
  });
  await bare.inject('/');
  await bare.close();
  return hardened;
}

/** The built pages; any address that is no file and no call is the app's own to understand. */
export async function servePages(app: FastifyInstance, folder: string | null): Promise<void> {
  if (folder === null || !existsSync(join(folder, 'index.html'))) return;
  await app.register(statics, { root: folder, wildcard: false, index: false, cacheControl: false, serve: true });
  app.get('/', { schema: { hide: true } }, (_request, reply) =>
    reply.header('cache-control', 'no-cache').sendFile('index.html'),
  );
  app.get('/*', { schema: { hide: true } }, (request, reply) => {
    const path = pathOf(request);
    const isPage = !path.startsWith('/api/') && !/\.\w+$/.test(path);
    if (!isPage) throw new FlashlineError('not-found', { params: { what: path } });
    return reply.header('cache-control', 'no-cache').sendFile('index.html');
  });
}
