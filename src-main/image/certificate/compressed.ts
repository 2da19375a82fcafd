import { encodedDates, FIRST_YEAR, type IssueDate, requireDate } from '#shared/model/certificate-dates.ts';

export { encodedDates, type IssueDate, MOST_EXPIRE_YEARS } from '#shared/model/certificate-dates.ts';

/**
 * Microchip's compressed certificate, 72 bytes (DS20006367, Compressed Certificate Definition): what differs between the
 * certificates of one template. 0-63 signature, r then s; 64-66 dates; 67-68 signer id; 69 template and chain id; 70 serial
 * source and format version; 71 reserved.
 */
export const COMPRESSED_BYTES = 72;
const SIGNATURE_BYTES = 64;
/** Where a certificate's serial number comes from: those that are made of what is known of the element. */
export const SERIAL_SOURCES = {
  /** 40h, then the element's nine bytes. */
  'element-serial': 0x8,
  /** 40h, then the signer's id. */
  'signer-id': 0x9,
  /** SHA-256 of the public key and the encoded dates, its two highest bits 01. */
  'key-hash': 0xa,
  /** The same of the element's serial number and the dates. */
  'element-serial-hash': 0xb,
} as const;
export type SerialSource = keyof typeof SERIAL_SOURCES;

export interface CompressedCertificate {
  /** P-256: r and s, 32 bytes each, most significant first. */
  readonly signature: Uint8Array;
  readonly issued: IssueDate;
  /** After the issue; 0: it does not expire. */
  readonly expireYears: number;
  readonly signerId: number;
  readonly templateId: number;
  readonly chainId: number;
  readonly serialSource: SerialSource;
}

/** Throws RangeError for what no compressed certificate of the first format is. */
export function readCompressed(bytes: Uint8Array): CompressedCertificate {
  if (bytes.length !== COMPRESSED_BYTES) throw new RangeError(`${bytes.length} bytes, not ${COMPRESSED_BYTES}`);
  const at = (index: number) => bytes[index] ?? 0;
  const dates = (at(64) << 16) | (at(65) << 8) | at(66);
  const source = Object.entries(SERIAL_SOURCES).find(([, code]) => code === at(70) >>> 4)?.[0];
  if (!isSerialSource(source)) throw new RangeError(`serial number source ${at(70) >>> 4}`);
  if ((at(70) & 0xf) !== 0 || at(71) !== 0) throw new RangeError(`format version ${at(70) & 0xf}`);
  const issued = {
    year: FIRST_YEAR + (dates >>> 19),
    month: (dates >>> 15) & 0xf,
    day: (dates >>> 10) & 0x1f,
    hour: (dates >>> 5) & 0x1f,
  };
  requireDate(issued);
  return {
    signature: bytes.slice(0, SIGNATURE_BYTES),
    issued,
    expireYears: dates & 0x1f,
    signerId: (at(67) << 8) | at(68),
    templateId: at(69) >>> 4,
    chainId: at(69) & 0xf,
    serialSource: source,
  };
}

/** Throws RangeError for a field that does not fit. */
export function writeCompressed(fields: CompressedCertificate): Uint8Array {
  const { signature, signerId, templateId, chainId, serialSource } = fields;
  if (signature.length !== SIGNATURE_BYTES) throw new RangeError(`a signature of ${signature.length} bytes`);
  requireField('signer id', signerId, 0xffff);
  requireField('template id', templateId, 0xf);
  requireField('chain id', chainId, 0xf);
  const out = new Uint8Array(COMPRESSED_BYTES);
  out.set(signature);
  out.set(encodedDates(fields), SIGNATURE_BYTES);
  out.set([signerId >>> 8, signerId & 0xff, (templateId << 4) | chainId, SERIAL_SOURCES[serialSource] << 4], 67);
  return out;
}

export function isSerialSource(name: string | undefined): name is SerialSource {
  return name !== undefined && Object.hasOwn(SERIAL_SOURCES, name);
}

function requireField(name: string, value: number, most: number): void {
  if (!Number.isInteger(value) || value < 0 || value > most) throw new RangeError(`${name} ${value}`);
}
