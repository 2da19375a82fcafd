import { equalBytes, fromHex } from '../../base/bytes.ts';
import { sha256Hex } from '../../base/digest.ts';
import type { PublicKey } from '../../base/signer.ts';
import { FlashlineError } from '../../model/failure.ts';

/**
 * What a person carries from the plant to a station: `FL1-` and seven groups of seven characters, 48 of Crockford's base 32
 * (https://www.crockford.com/base32.html) and its check symbol (the number modulo 37), which finds every mistyped character
 * and every two neighbours that changed places. It holds 30 bytes:
 *
 * | bytes | meaning |
 * |---|---|
 * | 0-9 | random: the secret; the plant stores its SHA-256 only |
 * | 10-19 | first 80 bits of the SHA-256 of the plant's public key (the 32 bytes of its `x`): whose statements to trust |
 * | 20-29 | first 80 bits of the SHA-256 of the TLS certificate's SubjectPublicKeyInfo (DER, as RFC 7469 pins): a certificate of the plant's own; zeros where a public authority vouches for it |
 */
export interface EnrolmentCode {
  readonly secret: Uint8Array;
  readonly plantKey: Uint8Array;
  /** Null: the certificate is to be proven as those of web sites are, or there is no TLS (loopback). */
  readonly tlsKey: Uint8Array | null;
}

export const ENROLMENT_SECRET_BYTES = 10;
const PART = 10;
const SYMBOLS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const CHECKS = `${SYMBOLS}*~$=U`;
const GROUP = 7;

/** The 80 bits by which a code names the plant's key. */
export function plantKeyPart(key: PublicKey): Uint8Array {
  return partOf(base64UrlBytes(key.x));
}

/** The 80 bits by which a code names a TLS key; of the DER bytes of its SubjectPublicKeyInfo. */
export function tlsKeyPart(spki: Uint8Array): Uint8Array {
  return partOf(spki);
}

export function isPlantKey(code: EnrolmentCode, key: PublicKey): boolean {
  return equalBytes(code.plantKey, plantKeyPart(key));
}

/** Whether this is the TLS key that the code names; true for every key where it names none. */
export function isTlsKey(code: EnrolmentCode, spki: Uint8Array): boolean {
  return code.tlsKey === null || equalBytes(code.tlsKey, tlsKeyPart(spki));
}

/** What the plant stores of a code, and looks it up by. */
export function enrolmentDigest({ secret }: Pick<EnrolmentCode, 'secret'>): string {
  return sha256Hex(secret);
}

export function writeEnrolmentCode({ secret, plantKey, tlsKey }: EnrolmentCode): string {
  const bytes = new Uint8Array(3 * PART);
  [secret, plantKey, tlsKey ?? new Uint8Array(PART)].forEach((part, index) => {
    if (part.length !== PART) throw new RangeError(`each part of an enrolment code has ${PART} bytes`);
    bytes.set(part, index * PART);
  });
  const number = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const text = Array.from({ length: 48 }, (_, at) => SYMBOLS[Number((number >> BigInt(235 - at * 5)) & 31n)]).join('');
  const whole = `${text}${CHECKS[Number(number % 37n)]}`;
  return `FL1-${(whole.match(new RegExp(`.{${GROUP}}`, 'g')) ?? []).join('-')}`;
}

/** In capitals or not, with or without its hyphens; O is read as 0, I and L as 1. Throws `enrolment-refused`. */
export function readEnrolmentCode(text: string): EnrolmentCode {
  const plain = text.replaceAll(/[\s-]/g, '').toUpperCase();
  if (!plain.startsWith('FL1')) throw refused('an enrolment code begins with FL1');
  const symbols = plain.slice(3).replaceAll('O', '0').replaceAll(/[IL]/g, '1');
  if (symbols.length !== 49) throw refused(`an enrolment code has 49 characters after FL1, this has ${symbols.length}`);
  const number = Array.from(symbols.slice(0, 48)).reduce((sum, symbol) => (sum << 5n) | BigInt(valueOf(symbol)), 0n);
  if (CHECKS[Number(number % 37n)] !== symbols[48]) throw refused('a character of the code was mistyped');
  const bytes = fromHex(number.toString(16).padStart(6 * PART, '0'));
  const tlsKey = bytes.slice(2 * PART);
  return {
    secret: bytes.slice(0, PART),
    plantKey: bytes.slice(PART, 2 * PART),
    tlsKey: tlsKey.every((byte) => byte === 0) ? null : tlsKey,
  };
}

function valueOf(symbol: string): number {
  const value = SYMBOLS.indexOf(symbol);
  if (value < 0) throw refused(`"${symbol}" is in no enrolment code`);
  return value;
}

function partOf(bytes: Uint8Array): Uint8Array {
  return fromHex(sha256Hex(bytes)).slice(0, PART);
}

function base64UrlBytes(text: string): Uint8Array {
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0));
}

function refused(detail: string): FlashlineError {
  return new FlashlineError('enrolment-refused', { params: { detail } });
}
