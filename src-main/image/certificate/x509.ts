import { sha1 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concat, equalBytes, fromHex, toHex } from '#shared/base/bytes.ts';
import {
  type CompressedCertificate,
  encodedDates,
  type IssueDate,
  readCompressed,
  type SerialSource,
  writeCompressed,
} from './compressed.ts';
import { childrenOf, type Der, onlyDer, readDer, readInteger, TAG, writeDer, writeInteger } from './der.ts';

/** What of a certificate is not in it. */
export interface CompressOptions {
  readonly templateId: number;
  readonly chainId: number;
  readonly serialSource: SerialSource;
  /** The element's nine bytes; only where the serial number is made of them. */
  readonly elementSerial?: Uint8Array | undefined;
}

/** A P-256 public key: X then Y. */
const KEY_BYTES = 64;
const UNCOMPRESSED = 0x04;
/** 1.2.840.10045.3.1.7, prime256v1; 2.5.4.3, common name; 2.5.29.14, subject key identifier. */
const P256 = fromHex('2a8648ce3d030107');
const COMMON_NAME = fromHex('550403');
const SUBJECT_KEY = fromHex('551d0e');
/** RFC 5280, 4.1.2.5: it never ends. */
const FOR_EVER = '99991231235959Z';
const UTC_FOR_EVER = '491231235959Z';

/**
 * The 72 bytes of an X.509 certificate (DER, ECDSA with SHA-256 by P-256). Throws RangeError where those could not make the
 * certificate again, naming what is in the way.
 */
export function compressCertificate(certificate: Uint8Array, options: CompressOptions): Uint8Array {
  const { tbs, signature } = partsOf(certificate);
  const { issuer, subject, validity, key } = fieldsOf(tbs);
  const [notBefore, notAfter] = childrenOf(validity).map(timeOf);
  if (notBefore === undefined || notAfter === undefined) throw new RangeError('no validity');
  const [r, s] = childrenOf(signature);
  if (!r || !s) throw new RangeError('no ECDSA signature');
  const named = signerIdIn(options.serialSource === 'signer-id' ? subject : issuer);
  const fields: CompressedCertificate = {
    ...options,
    signature: concat([readInteger(r, 32), readInteger(s, 32)]),
    issued: issuedAt(notBefore),
    expireYears: yearsBetween(notBefore, notAfter),
    signerId: named ?? 0,
  };
  const compressed = writeCompressed(fields);
  const again = expandCertificate(compressed, certificate, key, options.elementSerial);
  if (!equalBytes(again, certificate)) throw new RangeError(differenceOf(tbs, onlyTbs(again)));
  return compressed;
}

/**
 * The certificate that 72 bytes stand for. `template` is another one of its kind, from which everything comes that does not
 * differ: names, extensions, the issuer's key. Throws RangeError for what is no such template or no compressed certificate.
 */
export function expandCertificate(
  compressed: Uint8Array,
  template: Uint8Array,
  publicKey: Uint8Array,
  elementSerial?: Uint8Array,
): Uint8Array {
  if (publicKey.length !== KEY_BYTES) throw new RangeError(`a public key of ${publicKey.length} bytes`);
  const fields = readCompressed(compressed);
  const { tbs, algorithm } = partsOf(template);
  const { version, serial, parts } = fieldsOf(tbs);
  const [signing, issuer, validity, subject, , ...others] = parts;
  if (!signing || !issuer || !validity || !subject) throw new RangeError('a certificate without names');
  const number = serialNumber(fields, serial.content.length, publicKey, elementSerial);
  const content = concat([
    version?.bytes ?? new Uint8Array(),
    writeInteger(number),
    signing.bytes,
    withSignerId(issuer, fields.signerId),
    writeValidity(validity, fields),
    fields.serialSource === 'signer-id' ? withSignerId(subject, fields.signerId) : subject.bytes,
    keyInfo(publicKey),
    ...others.map((other) => withSubjectKey(other, publicKey)),
  ]);
  const signature = writeDer(
    TAG.sequence,
    writeInteger(fields.signature.subarray(0, 32)),
    writeInteger(fields.signature.subarray(32)),
  );
  return writeDer(
    TAG.sequence,
    writeDer(TAG.sequence, content),
    algorithm.bytes,
    writeDer(TAG.bitString, Uint8Array.of(0), signature),
  );
}

/** Its public key, X then Y. */
export function publicKeyOf(certificate: Uint8Array): Uint8Array {
  return fieldsOf(onlyTbs(certificate)).key;
}

function partsOf(certificate: Uint8Array): { readonly tbs: Der; readonly algorithm: Der; readonly signature: Der } {
  const [tbs, algorithm, bits] = childrenOf(onlyDer(certificate, TAG.sequence));
  if (!tbs || !algorithm || bits?.tag !== TAG.bitString || bits.content[0] !== 0)
    throw new RangeError('no X.509 certificate');
  return { tbs, algorithm, signature: onlyDer(bits.content.subarray(1), TAG.sequence) };
}

function onlyTbs(certificate: Uint8Array): Der {
  return partsOf(certificate).tbs;
}

/** RFC 5280, 4.1: version, serial number, and what follows: algorithm, issuer, validity, subject, key, extensions. */
function fieldsOf(tbs: Der) {
  const all = childrenOf(tbs);
  const version = all[0]?.tag === TAG.context0 ? all[0] : undefined;
  const [serial, ...parts] = version ? all.slice(1) : all;
  const [, issuer, validity, subject, info] = parts;
  if (serial?.tag !== TAG.integer || !issuer || !validity || !subject || !info)
    throw new RangeError('a certificate without serial number, names or key');
  return { version, serial, parts, issuer, validity, subject, key: keyOf(info) };
}

function keyOf(info: Der): Uint8Array {
  const [algorithm, bits] = childrenOf(info);
  const curve = algorithm && childrenOf(algorithm)[1];
  const point = bits?.content.subarray(1) ?? new Uint8Array();
  if (!curve || !equalBytes(curve.content, P256) || point[0] !== UNCOMPRESSED || point.length !== 1 + KEY_BYTES)
    throw new RangeError('its key is none of P-256, or not uncompressed');
  return point.slice(1);
}

/** 1.2.840.10045.2.1, ecPublicKey. */
function keyInfo(publicKey: Uint8Array): Uint8Array {
  const algorithm = writeDer(TAG.sequence, writeDer(TAG.oid, fromHex('2a8648ce3d0201')), writeDer(TAG.oid, P256));
  return writeDer(TAG.sequence, algorithm, writeDer(TAG.bitString, Uint8Array.of(0, UNCOMPRESSED), publicKey));
}

function serialNumber(
  fields: CompressedCertificate,
  size: number,
  publicKey: Uint8Array,
  elementSerial: Uint8Array | undefined,
): Uint8Array {
  const { serialSource, signerId } = fields;
  if (serialSource === 'signer-id') return Uint8Array.of(0x40, signerId >>> 8, signerId & 0xff);
  if (serialSource !== 'key-hash' && elementSerial?.length !== 9)
    throw new RangeError('its serial number is made of the element’s, which was not given');
  const source = serialSource === 'key-hash' ? publicKey : (elementSerial ?? new Uint8Array());
  if (serialSource === 'element-serial') return concat([Uint8Array.of(0x40), source]);
  if (size > 32) throw new RangeError(`a serial number of ${size} bytes`);
  const hash = sha256(concat([source, encodedDates(fields)])).slice(0, size);
  hash[0] = ((hash[0] ?? 0) & 0x3f) | 0x40;
  return hash;
}

interface Moment extends IssueDate {
  readonly minute: number;
  readonly second: number;
  readonly forEver: boolean;
}

/** UTCTime of two digits of the year (50 to 99 are the last century's), GeneralizedTime of four. */
function timeOf({ tag, content }: Der): Moment {
  const text = String.fromCharCode(...content);
  const utc = tag === TAG.utcTime;
  const [, years = '', ...rest] = /^(\d\d(?:\d\d)?)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/u.exec(text) ?? [];
  if (years.length !== (utc ? 2 : 4)) throw new RangeError(`the time ${text}`);
  const [month = 0, day = 0, hour = 0, minute = 0, second = 0] = rest.map(Number);
  const year = Number(years) + (utc ? (Number(years) < 50 ? 2000 : 1900) : 0);
  return { year, month, day, hour, minute, second, forEver: text === (utc ? UTC_FOR_EVER : FOR_EVER) };
}

function issuedAt({ year, month, day, hour, minute, second }: Moment): IssueDate {
  if (minute !== 0 || second !== 0) throw new RangeError('it is not issued on the hour');
  return { year, month, day, hour };
}

function yearsBetween(from: Moment, to: Moment): number {
  if (to.forEver) return 0;
  const same = (['month', 'day', 'hour', 'minute', 'second'] as const).every((part) => from[part] === to[part]);
  if (!same || to.year <= from.year) throw new RangeError('it does not end a whole number of years after its issue');
  return to.year - from.year;
}

function writeValidity(template: Der, { issued, expireYears }: CompressedCertificate): Uint8Array {
  const [first, last] = childrenOf(template);
  if (!first || !last) throw new RangeError('no validity');
  const text = (tag: number, year: number) => {
    const digits = [year, issued.month, issued.day, issued.hour, 0, 0].map((part) => String(part).padStart(2, '0'));
    return `${digits.join('').slice(tag === TAG.utcTime ? 2 : 0)}Z`;
  };
  const end = last.tag === TAG.utcTime ? UTC_FOR_EVER : FOR_EVER;
  const until = expireYears === 0 ? end : text(last.tag, issued.year + expireYears);
  const time = (tag: number, value: string) => writeDer(tag, new TextEncoder().encode(value));
  return writeDer(TAG.sequence, time(first.tag, text(first.tag, issued.year)), time(last.tag, until));
}

/** By convention the last four characters of a signer's common name, behind a space: `Example Signer FFFF`. */
const SIGNER_ID = /^(.* )([0-9A-F]{4})$/u;

function signerIdIn(name: Der): number | undefined {
  for (const { value } of commonNames(name)) {
    const id = SIGNER_ID.exec(new TextDecoder().decode(value.content))?.[2];
    if (id !== undefined) return Number.parseInt(id, 16);
  }
  return undefined;
}

function withSignerId(name: Der, id: number): Uint8Array {
  const hex = toHex(Uint8Array.of(id >>> 8, id & 0xff)).toUpperCase();
  const sets = childrenOf(name).map((set) => {
    const [common] = commonNames({ content: set.bytes });
    const text = common && SIGNER_ID.exec(new TextDecoder().decode(common.value.content));
    if (!common || !text) return set.bytes;
    const value = writeDer(common.value.tag, new TextEncoder().encode(`${text[1] ?? ''}${hex}`));
    return writeDer(TAG.set, writeDer(TAG.sequence, writeDer(TAG.oid, COMMON_NAME), value));
  });
  return writeDer(TAG.sequence, ...sets);
}

function commonNames(name: Pick<Der, 'content'>): { readonly value: Der }[] {
  return childrenOf(name)
    .flatMap((set) => childrenOf(set).map((attribute) => childrenOf(attribute)))
    .flatMap(([oid, value]) => (oid && value && equalBytes(oid.content, COMMON_NAME) ? [{ value }] : []));
}

/** SHA-1 of the key's bits (RFC 5280, 4.2.1.2, method 1), where there are extensions and this one is among them. */
function withSubjectKey(other: Der, publicKey: Uint8Array): Uint8Array {
  if (other.tag !== TAG.context3) return other.bytes;
  const extensions = childrenOf(readDer(other.content)).map((extension) => {
    const [oid, ...rest] = childrenOf(extension);
    if (!oid || !equalBytes(oid.content, SUBJECT_KEY)) return extension.bytes;
    const id = sha1(concat([Uint8Array.of(UNCOMPRESSED), publicKey]));
    const value = writeDer(TAG.octetString, writeDer(TAG.octetString, id));
    const flags = rest.slice(0, -1).map(({ bytes }) => bytes);
    return writeDer(TAG.sequence, oid.bytes, ...flags, value);
  });
  return writeDer(TAG.context3, writeDer(TAG.sequence, ...extensions));
}

const NAMES = ['algorithm', 'issuer', 'validity', 'subject', 'key', 'extensions'];

function differenceOf(tbs: Der, again: Der): string {
  const [mine, theirs] = [fieldsOf(tbs), fieldsOf(again)];
  if (!equalBytes(mine.serial.bytes, theirs.serial.bytes)) return 'its serial number is not made in that way';
  const at = mine.parts.findIndex(
    ({ bytes }, index) => !equalBytes(bytes, theirs.parts[index]?.bytes ?? bytes.subarray(1)),
  );
  return `its ${NAMES[at] ?? 'encoding'} could not be made again`;
}
