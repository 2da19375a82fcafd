import { createPublicKey, X509Certificate } from 'node:crypto';
import { equalBytes, fromHex } from '#shared/base/bytes.ts';
import type { DeviceCertificate } from '#shared/model/manufacturing.ts';
import type { SigningAlgorithm } from '#shared/model/signing.ts';
import { compressCertificate } from '../../image/certificate/x509.ts';
import { type KeyKind, type PublicKeyFile, readPublicKey } from '../signature/public-key.ts';
import { rawBytes, unsuited } from './field-bytes.ts';

/** Who issues device certificates, as the release knows it. */
export interface Issuer {
  readonly section: DeviceCertificate;
  readonly certificate: X509Certificate;
  readonly key: PublicKeyFile;
  readonly algorithm: SigningAlgorithm;
}

const ALGORITHMS: Readonly<Record<KeyKind, SigningAlgorithm | null>> = {
  'ecdsa-p256': 'ecdsa-p256-sha256',
  'ecdsa-p384': 'ecdsa-p384-sha384',
  'rsa-2048': 'rsa-pkcs1-sha256',
  'rsa-3072': 'rsa-pkcs1-sha256',
  ed25519: null,
};

/** Or in words why the file is of no issuer that could be used. */
export function readIssuer(section: DeviceCertificate, files: ReadonlyMap<string, Uint8Array>): Issuer | string {
  const { issuer: file, compressed } = section;
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(files.get(file) ?? new Uint8Array());
  } catch {
    return `${file} holds no certificate in PEM`;
  }
  if (!certificate.ca) return `${file} is a certificate that may issue no others (basic constraints: CA)`;
  const pem = String(certificate.publicKey.export({ type: 'spki', format: 'pem' }));
  const key = readPublicKey(file, new TextEncoder().encode(pem));
  if (typeof key === 'string') return `${file} ${key}`;
  const algorithm = ALGORITHMS[key.kind];
  if (algorithm === null) return `${file} is of a key of kind ${key.kind}, which signs no certificates here`;
  if (compressed && key.kind !== 'ecdsa-p256')
    return `only certificates by P-256 are kept in 72 bytes, and ${file} is ${key.kind}`;
  return { section, certificate, key, algorithm };
}

/** X and Y of P-256 behind it make a SubjectPublicKeyInfo. */
const P256_HEAD = fromHex('3059301306072a8648ce3d020106082a8648ce3d030107034200');
const POINT_BYTES = 64;

/** The key in DER, of X and Y, of a point (SEC 1, uncompressed), or as it is. Throws `value-unsuited`. */
export function unitPublicKey(source: string, given: Uint8Array | string): Uint8Array {
  const value = typeof given === 'string' ? { text: given, bytes: null } : { text: '', bytes: given };
  const bytes = rawBytes({ field: source, value });
  const point = bytes.length === POINT_BYTES ? Uint8Array.of(4, ...bytes) : bytes;
  const spki = point.length === 1 + POINT_BYTES && point[0] === 4 ? Uint8Array.of(...P256_HEAD, ...point) : bytes;
  try {
    const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
    return new Uint8Array(key.export({ type: 'spki', format: 'der' }));
  } catch {
    throw unsuited(source, 'it is no public key: X and Y of P-256, or SubjectPublicKeyInfo');
  }
}

/** What keeps a certificate from being the unit's own by this issuer, in words; null where it is. */
export function certificateFault(
  { certificate: issuer, key }: Issuer,
  der: Uint8Array,
  unit: { readonly serial: string; readonly publicKey: Uint8Array },
): string | null {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(der);
  } catch {
    return 'it is no certificate';
  }
  if (!certificate.checkIssued(issuer) || !certificate.verify(key.key)) return `it does not verify by ${key.file}`;
  const own = new Uint8Array(certificate.publicKey.export({ type: 'spki', format: 'der' }));
  if (!equalBytes(own, unit.publicKey)) return 'it is for another public key than the unit’s';
  const { CN: name } = certificate.toLegacyObject().subject;
  return name === unit.serial ? null : `it is for ${String(name)}, and the unit is ${unit.serial}`;
}

/** The 72 bytes of it, where the recipe wants them. Throws `value-unsuited`. */
export function compressedForm({ compressed }: DeviceCertificate, der: Uint8Array): Uint8Array | null {
  if (!compressed) return null;
  try {
    return compressCertificate(der, { ...compressed, serialSource: 'key-hash' });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw unsuited('certificate.compressed', error.message);
  }
}
