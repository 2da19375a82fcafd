// The library's own dependency injection wants it, before it is loaded.
import 'reflect-metadata';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { sha256, sha384 } from '@noble/hashes/sha2.js';
import { concat, fromHex, toHex } from '../../base/bytes.ts';
import type { RandomBytes } from '../../base/clock.ts';
import { type CertificateDates, encodedDates } from '../../model/certificate-dates.ts';
import { SIGNING_ALGORITHMS, type SigningAlgorithm } from '../../model/signing.ts';

export interface CertificateOrder {
  /** The issuer's certificate, DER; null: it issues itself, and may issue others. */
  readonly issuer: Uint8Array | null;
  /** By which the issuer signs. */
  readonly algorithm: CertificateAlgorithm;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  readonly subject: CertificateSubject;
  /** 0: it never ends (RFC 5280, 4.1.2.5). */
  readonly years: number;
  readonly now: Date;
  readonly random: RandomBytes;
}

export interface CertificateSubject {
  readonly commonName: string;
  readonly organization?: string | undefined;
  readonly country?: string | undefined;
}

/** Ed25519 signs a certificate whole, and keys here sign digests. */
export type CertificateAlgorithm = Exclude<SigningAlgorithm, 'ed25519-sha256' | 'rsa-pss-sha256'>;

const WEB_ALGORITHMS = {
  'ecdsa-p256-sha256': { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  'ecdsa-p384-sha384': { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
  'rsa-pkcs1-sha256': { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
} as const;

const SERIAL_BYTES = 16;
/** The SubjectPublicKeyInfo of P-256 up to its uncompressed point. */
const P256_HEAD = '3059301306072a8648ce3d020106082a8648ce3d03010703420004';
const FOR_EVER = new Date('9999-12-31T23:59:59Z');

/**
 * An X.509 certificate (RFC 5280), DER, for a device's key or for an issuer itself; `sign` gives a signature of a digest: r and s, or as
 * long as the modulus. Issued on the hour, for whole years, with a serial number made of key and dates, so that Microchip's
 * compressed form can say it. Throws RangeError for dates that such a one cannot have.
 */
export async function makeDeviceCertificate(
  order: CertificateOrder,
  sign: (digest: Uint8Array) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const { algorithm, publicKey, subject, issuer } = order;
  const issuing = issuer === null ? null : new X509Certificate(ownBuffer(issuer));
  const dates = datesOf(order);
  const name = nameOf(subject);
  const params = {
    serialNumber: toHex(serialNumber(order, dates)),
    subject: name,
    issuer: issuing?.subjectName ?? name,
    notBefore: dates.notBefore,
    notAfter: dates.notAfter,
    publicKey: ownBuffer(publicKey),
    signingAlgorithm: WEB_ALGORITHMS[algorithm],
    extensions: await extensionsOf(publicKey, issuing),
  };
  // What is signed does not depend on the signature.
  const blank = new Uint8Array(algorithm === 'ecdsa-p384-sha384' ? 96 : 64).fill(1);
  const draft = await X509CertificateGenerator.create({ ...params, signature: blank }, crypto);
  const hash = SIGNING_ALGORITHMS[algorithm].hash === 'sha384' ? sha384 : sha256;
  const signature = ownBuffer(await sign(hash(tbsOf(new Uint8Array(draft.rawData)))));
  const certificate = await X509CertificateGenerator.create({ ...params, signature }, crypto);
  return new Uint8Array(certificate.rawData);
}

function nameOf({ commonName, organization, country }: CertificateSubject): Name {
  const part = (type: string, value: string) => ({ [type]: [{ utf8String: value }] });
  return new Name([
    // A PrintableString by its definition (RFC 5280, appendix A).
    ...(country === undefined ? [] : [{ C: [{ printableString: country }] }]),
    ...(organization === undefined ? [] : [part('O', organization)]),
    part('CN', commonName),
  ]);
}

async function extensionsOf(publicKey: Uint8Array, issuing: X509Certificate | null): Promise<Extension[]> {
  const own = await SubjectKeyIdentifierExtension.create(ownBuffer(publicKey), false, crypto);
  if (issuing === null) {
    const usage = new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true);
    return [new BasicConstraintsExtension(true, 0, true), usage, own];
  }
  const named = issuing.getExtension(SubjectKeyIdentifierExtension)?.keyId;
  const authority =
    named === undefined
      ? await AuthorityKeyIdentifierExtension.create(issuing.publicKey, false, crypto)
      : new AuthorityKeyIdentifierExtension(named);
  const usage = new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true);
  return [new BasicConstraintsExtension(false, undefined, true), usage, own, authority];
}

interface Dates extends CertificateDates {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** From the last full hour; from the 28th of February where the 29th has no anniversary. */
function datesOf({ now, years }: CertificateOrder): Dates {
  const year = now.getUTCFullYear();
  const month = now.getUTCMonth() + 1;
  const leapDay = month === 2 && now.getUTCDate() === 29;
  const issued = { year, month, day: leapDay ? 28 : now.getUTCDate(), hour: now.getUTCHours() };
  const at = (plus: number) => new Date(Date.UTC(year + plus, month - 1, issued.day, issued.hour));
  return { issued, expireYears: years, notBefore: at(0), notAfter: years === 0 ? FOR_EVER : at(years) };
}

/** Positive (RFC 5280, 4.1.2.2), never zero: its two highest bits are 01. */
function serialNumber({ publicKey, random }: CertificateOrder, dates: CertificateDates): Uint8Array {
  const encoded = encodedDates(dates);
  const isP256 = toHex(publicKey).startsWith(P256_HEAD);
  const source = isP256
    ? sha256(concat([publicKey.subarray(fromHex(P256_HEAD).length), encoded]))
    : random(SERIAL_BYTES);
  const serial = source.slice(0, SERIAL_BYTES);
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  return serial;
}

/** TBSCertificate: the first element inside of the outermost one. */
function tbsOf(certificate: Uint8Array): Uint8Array {
  const outer = headOf(certificate);
  const inside = certificate.subarray(outer.head);
  const inner = headOf(inside);
  return inside.slice(0, inner.head + inner.length);
}

/** Of a DER element: how long its head is, and its content. */
function headOf(der: Uint8Array): { readonly head: number; readonly length: number } {
  const first = der[1] ?? 0;
  if (first < 0x80) return { head: 2, length: first };
  const more = first & 0x7f;
  return { head: 2 + more, length: der.subarray(2, 2 + more).reduce((value, byte) => value * 256 + byte, 0) };
}

/** The library wants bytes of a buffer that nobody shares. */
function ownBuffer(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}
