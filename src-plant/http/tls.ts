import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync, mkdirSync } from 'node:fs';
import { isIP } from 'node:net';
import { createSecureContext } from 'node:tls';
import { networkInterfaces, hostname } from 'node:os';
import { join } from 'node:path';
import type { RandomBytes } from '#shared/base/clock.ts';
import { toHex } from '#shared/base/bytes.ts';
import { FlashlineError } from '#shared/model/failure.ts';

/** PEM. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  /** Made here, so that only the enrolment code vouches for it. */
  readonly own: boolean;
}

export interface OwnTlsOptions {
  /** `tls.key` and `tls.crt` are kept here. */
  readonly folder: string;
  /** Names and addresses that it is reached by, beside this computer's own. */
  readonly hosts: readonly string[];
  readonly now: Date;
  readonly random: RandomBytes;
}

const DAY_MS = 86_400_000;
/** Browsers take no longer one. */
const VALID_DAYS = 397;
const RENEW_DAYS = 30;

/** Throws `key-unavailable` for files that cannot be read or do not belong together. */
export function readTlsFiles(certFile: string, keyFile: string): TlsFiles {
  try {
    const [cert, key] = [readFileSync(certFile, 'utf8'), readFileSync(keyFile, 'utf8')];
    if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)))
      throw new Error(`the key does not belong to the certificate ${certFile}`);
    // What else a TLS server would refuse: a key that is too short, a broken chain.
    createSecureContext({ cert, key });
    return { cert, key, own: false };
  } catch (thrown) {
    throw unavailable(thrown);
  }
}

/**
 * A self-signed certificate (ECDSA P-256). Made anew before it ends or when hosts were added, always for the same key: stations
 * know this plant by the key, not by the certificate.
 */
export async function ownTls(options: OwnTlsOptions): Promise<TlsFiles> {
  const [certFile, keyFile] = [join(options.folder, 'tls.crt'), join(options.folder, 'tls.key')];
  const hosts = [...new Set([...ownHosts(), ...options.hosts])];
  try {
    const key = ownKey(keyFile);
    const cert = readIfThere(certFile);
    if (cert !== null && isGood(cert, key, hosts, options.now)) return { cert, key, own: true };
    // Loaded only when one is made.
    const { makeCertificate } = await import('./own-certificate.ts');
    const made = await makeCertificate(key, { hosts, now: options.now, days: VALID_DAYS, random: options.random });
    const draft = `${certFile}.${toHex(options.random(8))}`;
    writeFileSync(draft, made, { mode: 0o644, flush: true });
    renameSync(draft, certFile);
    return { cert: made, key, own: true };
  } catch (thrown) {
    throw unavailable(thrown);
  }
}

/** DER of the certificate's SubjectPublicKeyInfo: what pins name. */
export function spkiOf({ cert }: Pick<TlsFiles, 'cert'>): Uint8Array {
  return new X509Certificate(cert).publicKey.export({ type: 'spki', format: 'der' });
}

function ownKey(file: string): string {
  const there = readIfThere(file);
  if (there !== null) return there;
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  mkdirSync(join(file, '..'), { recursive: true, mode: 0o700 });
  try {
    writeFileSync(file, pem, { mode: 0o600, flag: 'wx', flush: true });
    return pem;
  } catch (thrown) {
    const other = readIfThere(file);
    if (other === null) throw thrown;
    return other;
  }
}

function isGood(cert: string, key: string, hosts: readonly string[], now: Date): boolean {
  const certificate = new X509Certificate(cert);
  const names = new Set(
    (certificate.subjectAltName ?? '')
      .split(', ')
      .map((name) => name.replace(/^(?:DNS|IP Address):/, '').toLowerCase()),
  );
  return (
    certificate.checkPrivateKey(createPrivateKey(key)) &&
    certificate.validToDate.getTime() - now.getTime() > RENEW_DAYS * DAY_MS &&
    hosts.every((host) => (isIP(host) === 0 ? names.has(host.toLowerCase()) : certificate.checkIP(host) !== undefined))
  );
}

/** This computer's name and addresses; link-local IPv6 ones are no use to anybody. */
function ownHosts(): string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const usable = addresses.filter(({ address }) => !address.toLowerCase().startsWith('fe80:'));
  return ['localhost', hostname(), ...usable.map(({ address }) => address)];
}

function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return null;
    throw thrown;
  }
}

function unavailable(thrown: unknown): FlashlineError {
  return new FlashlineError('key-unavailable', {
    params: { detail: thrown instanceof Error ? thrown.message : String(thrown) },
  });
}
