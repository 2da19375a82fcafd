import { createHash, type KeyObject } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { buildConnector, Dispatcher, Pool } from 'undici';
import { FlashlineError } from '#shared/model/failure.ts';

/** Says whether a TLS key (DER of its SubjectPublicKeyInfo) is the plant's; null: as those of web sites are proven. */
export type TrustTlsKey = ((spki: Uint8Array) => boolean) | null;

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);
const CONNECT_MS = 10_000;
/** One for what takes long (a batch, a release), one for what an operator waits for. */
const CONNECTIONS = 2;

/** Scheme, host and port of a plant server. Throws `usage`, and `plant-untrusted` where anybody could listen. */
export function plantOrigin(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null || (parsed.protocol !== 'https:' && parsed.protocol !== 'http:'))
    throw new FlashlineError('usage', { params: { detail: 'the plant’s address begins with https://' } });
  if (parsed.protocol === 'http:' && !LOOPBACK.has(parsed.hostname))
    throw new FlashlineError('plant-untrusted', {
      params: { detail: 'http:// reaches a plant on this computer only' },
    });
  return parsed.origin;
}

/** Connections to one plant, opened as calls need them. */
export interface PlantPool {
  request(options: Dispatcher.RequestOptions): Promise<Dispatcher.ResponseData>;
  /** Ends what is under way; later calls reject. */
  destroy(): Promise<void>;
}

/**
 * Where the plant's TLS key is pinned, that key is all that counts, and nothing is sent before it was seen; else the
 * certificate must be valid for the host's name by the authorities that Node trusts (NODE_EXTRA_CA_CERTS adds to them).
 */
export function openPlantPool(origin: string, trusted: TrustTlsKey): PlantPool {
  if (trusted !== null && origin.startsWith('http:'))
    throw new FlashlineError('plant-untrusted', { params: { detail: 'the enrolment code asks for https://' } });
  let opened: Promise<Pool> | null = null;
  let ended = false;
  return {
    async request(options) {
      if (ended) throw new FlashlineError('plant-unreachable', { params: { url: origin }, cause: 'it was closed' });
      opened ??= poolOf(origin, trusted);
      return (await opened).request(options);
    },
    async destroy() {
      ended = true;
      await (await opened)?.destroy();
    },
  };
}

/** Undici is loaded with the first call: most commands of the command line make none, and it is a quarter of what they load. */
async function poolOf(origin: string, trusted: TrustTlsKey): Promise<Pool> {
  const undici = await import('undici');
  const pinned = trusted !== null;
  // Whoever resumes a session is not shown a certificate again.
  const connect = undici.buildConnector({ timeout: CONNECT_MS, rejectUnauthorized: !pinned, maxCachedSessions: 0 });
  const connector: buildConnector.connector = (options, callback) => {
    connect(options, (...[error, socket]) => {
      if (error !== null) return callback(error, null);
      if (!pinned || isTrusted(socket, trusted)) return callback(null, socket);
      socket.destroy();
      callback(new FlashlineError('plant-untrusted', { params: { detail: 'another TLS key than the plant’s' } }), null);
    });
  };
  return new undici.Pool(origin, { connect: connector, connections: CONNECTIONS, headersTimeout: 0, bodyTimeout: 0 });
}

/** SHA-256 (hex) of a TLS key, as an enrolment keeps it. */
export function tlsKeyDigest(spki: Uint8Array): string {
  return createHash('sha256').update(spki).digest('hex');
}

function isTrusted(socket: Socket | TLSSocket, trusted: (spki: Uint8Array) => boolean): boolean {
  if (!(socket instanceof TLSSocket)) return false;
  const key: KeyObject | undefined = socket.getPeerX509Certificate()?.publicKey;
  return key !== undefined && trusted(new Uint8Array(key.export({ type: 'spki', format: 'der' })));
}

const CERTIFICATE_CODES = /^(?:CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_TLS_CERT|ERR_SSL|EPROTO)/;

/** What went wrong underneath a call, as the plant's failure. */
export function transportFailure(origin: string, thrown: unknown): FlashlineError {
  if (thrown instanceof FlashlineError) return thrown;
  const code: unknown = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  if (typeof code === 'string' && CERTIFICATE_CODES.test(code)) {
    const detail = 'its TLS certificate is not trusted here';
    return new FlashlineError('plant-untrusted', { params: { detail }, cause: thrown });
  }
  if (typeof code === 'string' && code.startsWith('HPE_'))
    return new FlashlineError('plant-protocol', { params: { detail: 'no HTTP' }, cause: thrown });
  return new FlashlineError('plant-unreachable', { params: { url: origin }, cause: thrown });
}
