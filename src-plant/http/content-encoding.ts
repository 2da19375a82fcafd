import { createGunzip, createInflate, createZstdDecompress, brotliCompress, constants, gzip } from 'node:zlib';
import type { Readable, Transform } from 'node:stream';
import { promisify } from 'node:util';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { FlashlineError } from '#shared/model/failure.ts';
import { bodyLimitOf } from './routes.ts';
import { tooLarge } from './refusal.ts';

/** A zstd frame may ask for a window as large as it says; ours is 8 MiB, what `zstd -19` makes. */
const ZSTD_WINDOW_LOG = 23;
/** Below this, packing costs more than it saves. */
const WORTH_PACKING_BYTES = 4096;
/** Quality 4 of 11: as fast as gzip, and smaller. */
const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } };

const pack = { br: (bytes: Buffer) => promisify(brotliCompress)(bytes, BROTLI), gzip: promisify(gzip) };

/** Bodies may come packed (gzip, deflate, zstd), and never unpack to more than their limit. */
export function unpackBodies(app: FastifyInstance): void {
  app.addHook('preParsing', async (request, _reply, payload) => {
    const encoding = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
    if (encoding === 'identity') return payload;
    const limit = bodyLimitOf(request);
    if (Number(request.headers['content-length'] ?? 0) > limit) throw tooLarge(limit);
    return unpack(payload, unpackerFor(encoding), limit);
  });
}

function unpackerFor(encoding: string): Transform & { readonly bytesWritten: number } {
  if (encoding === 'gzip' || encoding === 'x-gzip') return createGunzip();
  if (encoding === 'deflate') return createInflate();
  if (encoding === 'zstd')
    return createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG } });
  throw new FlashlineError('bad-request', {
    params: { detail: `bodies may come as gzip, deflate or zstd, not as ${encoding.slice(0, 32)}` },
  });
}

function unpack(payload: Readable, unpacker: ReturnType<typeof unpackerFor>, limit: number): Transform {
  let length = 0;
  // Torn down here: whoever only stops listening lets a bomb go on unpacking into nothing.
  const stop = (error: FlashlineError) => {
    payload.unpipe(unpacker);
    payload.resume();
    unpacker.destroy(error);
  };
  unpacker.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length > limit) stop(tooLarge(limit));
  });
  unpacker.on('error', (thrown) => {
    if (!(thrown instanceof FlashlineError)) payload.unpipe(unpacker).resume();
  });
  payload.on('error', (thrown) => unpacker.destroy(thrown));
  // Fastify holds it against Content-Length.
  return Object.defineProperty(payload.pipe(unpacker), 'receivedEncodedLength', { get: () => unpacker.bytesWritten });
}

/** Large answers go out packed, where the caller takes that. */
export function packAnswers(app: FastifyInstance): void {
  app.addHook('onSend', async (request, reply, payload) => {
    if (typeof payload !== 'string' || payload.length < WORTH_PACKING_BYTES) return payload;
    const encoding = encodingFor(request, reply);
    if (encoding === null) return payload;
    const packed = await pack[encoding](Buffer.from(payload, 'utf8'));
    reply.header('content-encoding', encoding).header('vary', 'accept-encoding').removeHeader('content-length');
    return packed;
  });
}

function encodingFor(request: FastifyRequest, reply: FastifyReply): keyof typeof pack | null {
  if (reply.hasHeader('content-encoding')) return null;
  const accepted = request.headers['accept-encoding'] ?? '';
  const taken = (name: string) =>
    new RegExp(String.raw`(?:^|[\s,])${name}(?:\s*;\s*q=(?!0(?:\.0*)?\s*(?:,|$))[\d.]+)?\s*(?:,|$)`, 'i').test(
      accepted,
    );
  if (taken('br')) return 'br';
  return taken('gzip') ? 'gzip' : null;
}
