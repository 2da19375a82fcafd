import { readU32, toHex } from '#shared/base/bytes.ts';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';

/**
 * An MCUboot image (MCUboot, "Design": image format), little endian. Header, padding up to the header's size, the firmware, then areas
 * of type-length-value records (TLVs): a protected one, which is signed as well, and one that is not.
 *
 * | byte | 0-3      | 4-7  | 8-9         | 10-11               | 12-15         | 16-19 | 20 21 22-23 24-27                 |
 * |------|----------|------|-------------|---------------------|---------------|-------|-----------------------------------|
 * |      | 96F3B83D | load | header size | protected TLVs size | firmware size | flags | major, minor, revision, build     |
 *
 * An area: magic 6907 (protected: 6908), its size with these four bytes, then type, length and value of each.
 */
export interface McubootImage {
  readonly version: string;
  readonly headerSize: number;
  readonly firmwareSize: number;
  readonly flags: number;
  readonly isEncrypted: boolean;
  readonly hash: { readonly kind: 'sha256' | 'sha384' | 'sha512'; readonly is: 'right' | 'wrong' } | null;
  readonly signatures: readonly McubootSignature[];
  /** Roll-back protection; null where the image has none. */
  readonly securityCounter: number | null;
  /** From its first byte to the end of its TLVs. */
  readonly size: number;
  /** The trailer at the end of a padded slot; null where there is none. */
  readonly trailer: { readonly confirmed: boolean } | null;
  /** What is signed: header, firmware, protected TLVs. */
  readonly signed: Uint8Array;
  readonly protectedTlvs: readonly Tlv[];
  readonly tlvs: readonly Tlv[];
}

export interface McubootSignature {
  readonly kind: 'rsa-2048' | 'rsa-3072' | 'ecdsa' | 'ed25519';
  /** Of the public key, as its TLV says; null where there is none. */
  readonly keyHash: string | null;
  /** The whole public key, where it stands instead of its hash. */
  readonly publicKey: Uint8Array | null;
  readonly signature: Uint8Array;
  /** Over the bytes themselves instead of their hash. */
  readonly isPure: boolean;
}

export interface Tlv {
  readonly type: number;
  readonly value: Uint8Array;
}

const MAGIC = 0x96f3b83d;
const HEADER = 32;
export const INFO_MAGIC = 0x6907;
export const PROTECTED_MAGIC = 0x6908;
const INFO = 4;
/** The highest word of a record's type is free for vendors; these are MCUboot's own. */
const Type = { keyHash: 0x01, publicKey: 0x02, pure: 0x25, securityCounter: 0x50 };
const HASHES = [
  { type: 0x10, kind: 'sha256', hash: sha256 },
  { type: 0x11, kind: 'sha384', hash: sha384 },
  { type: 0x12, kind: 'sha512', hash: sha512 },
] as const;
const SIGNATURES: Readonly<Record<number, McubootSignature['kind']>> = {
  0x20: 'rsa-2048',
  0x22: 'ecdsa',
  0x23: 'rsa-3072',
  0x24: 'ed25519',
};
/** IMAGE_F_ENCRYPTED_AES128 and AES256. */
const ENCRYPTED = 0x4 | 0x8;
const TRAILER_MAGIC = '77c295f360d2ef7f3552500f2cb67980';
/** Of the trailer's flags, for flash whose words are no longer: the default of imgtool. */
const FLAG_SIZE = 8;

export function isMcuboot(bytes: Uint8Array): boolean {
  return bytes.length >= HEADER && readU32(bytes, 0) === MAGIC;
}

/** The image, or in words why it is none. Throws nothing. */
export function readMcuboot(bytes: Uint8Array): McubootImage | string {
  if (!isMcuboot(bytes)) return 'it does not begin with MCUboot’s magic number';
  const headerSize = readU16(bytes, 8);
  const protectedSize = readU16(bytes, 10);
  const firmwareSize = readU32(bytes, 12);
  const flags = readU32(bytes, 16);
  const end = headerSize + firmwareSize;
  if (headerSize < HEADER || end + INFO > bytes.length) return 'it ends before its firmware does';
  let at = end;
  const protectedTlvs = protectedSize > 0 ? readArea(bytes, at, PROTECTED_MAGIC) : [];
  if (typeof protectedTlvs === 'string') return protectedTlvs;
  if (protectedSize > 0 && readU16(bytes, at + 2) !== protectedSize)
    return 'its header has another size of the protected TLVs than they have';
  at += protectedSize;
  const tlvs = readArea(bytes, at, INFO_MAGIC);
  if (typeof tlvs === 'string') return tlvs;
  const signed = bytes.subarray(0, at);
  const counter = protectedTlvs.find(({ type, value }) => type === Type.securityCounter && value.length === 4);
  return {
    version: `${bytes[20] ?? 0}.${bytes[21] ?? 0}.${readU16(bytes, 22)}+${readU32(bytes, 24)}`,
    headerSize,
    firmwareSize,
    flags,
    isEncrypted: (flags & ENCRYPTED) !== 0,
    hash: hashOf(tlvs, signed),
    signatures: signaturesOf(tlvs),
    securityCounter: counter ? readU32(counter.value, 0) : null,
    size: at + readU16(bytes, at + 2),
    trailer: trailerOf(bytes),
    signed,
    protectedTlvs,
    tlvs,
  };
}

function readU16(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
}

function readArea(bytes: Uint8Array, start: number, magic: number): Tlv[] | string {
  if (start + INFO > bytes.length || readU16(bytes, start) !== magic) return 'no TLVs stand behind its firmware';
  const end = start + readU16(bytes, start + 2);
  if (end > bytes.length || end < start + INFO) return 'it ends before its TLVs do';
  const tlvs: Tlv[] = [];
  let at = start + INFO;
  while (at < end) {
    const length = readU16(bytes, at + 2);
    if (at + INFO + length > end) return 'a TLV is longer than its area';
    tlvs.push({ type: readU16(bytes, at), value: bytes.subarray(at + INFO, at + INFO + length) });
    at += INFO + length;
  }
  return tlvs;
}

function hashOf(tlvs: readonly Tlv[], signed: Uint8Array): McubootImage['hash'] {
  for (const { type, kind, hash } of HASHES) {
    const found = tlvs.find((tlv) => tlv.type === type);
    if (found) return { kind, is: toHex(hash(signed)) === toHex(found.value) ? 'right' : 'wrong' };
  }
  return null;
}

/** A key's hash stands before the signature that was made with it. */
function signaturesOf(tlvs: readonly Tlv[]): McubootSignature[] {
  const isPure = tlvs.some(({ type, value }) => type === Type.pure && value[0] === 1);
  const found: McubootSignature[] = [];
  let keyHash: string | null = null;
  let publicKey: Uint8Array | null = null;
  for (const { type, value } of tlvs) {
    if (type === Type.keyHash) keyHash = toHex(value);
    if (type === Type.publicKey) publicKey = value;
    const kind = SIGNATURES[type];
    if (kind) found.push({ kind, keyHash, publicKey, signature: value, isPure });
  }
  return found;
}

function trailerOf(bytes: Uint8Array): McubootImage['trailer'] {
  if (toHex(bytes.subarray(-16)) !== TRAILER_MAGIC) return null;
  return { confirmed: bytes.at(-16 - FLAG_SIZE) === 1 };
}
