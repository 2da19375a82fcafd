import { concat } from '#shared/base/bytes.ts';
import { sha256 } from '@noble/hashes/sha2.js';
import { INFO_MAGIC, type McubootImage, PROTECTED_MAGIC, readMcuboot, type Tlv } from './mcuboot.ts';

/** An MCUboot image taken apart, to be signed anew with one protected TLV more (mcuboot.ts has the format). */
export interface McubootToSign {
  /** Header and firmware, as they were built. */
  readonly body: Uint8Array;
  readonly protectedTlvs: readonly Tlv[];
  /** Those that say nothing of a hash, a key or a signature. */
  readonly otherTlvs: readonly Tlv[];
}

/** Hashes, keys, signatures (MCUboot, image.h): what is made anew. */
const REPLACED: ReadonlySet<number> = new Set([0x01, 0x02, 0x10, 0x11, 0x12, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25]);
const SHA256 = 0x10;
const KEY_HASH = 0x01;
/** Of a TLV area and of a record: two numbers of 16 bits. */
const INFO = 4;
/** Sizes of areas are numbers of 16 bits. */
const MOST = 0xffff;
const PROTECTED_SIZE_AT = 10;
/** IMAGE_F_COMPRESSED_LZMA1 and LZMA2: a TLV has the signature of what is unpacked, too. */
const COMPRESSED = 0x200 | 0x400;

/** The image's parts, or in words why it cannot be signed anew. */
export function openToSign(bytes: Uint8Array): McubootToSign | string {
  const image = readMcuboot(bytes);
  if (typeof image === 'string') return image;
  if (image.isEncrypted) return 'it is encrypted, so what would be signed cannot be known';
  if ((image.flags & COMPRESSED) !== 0) return 'it is compressed, and what is unpacked of it is signed on its own';
  if (image.size !== bytes.length)
    return `${bytes.length - image.size} bytes follow its TLVs: build it without padding and trailer`;
  return partsOf(bytes, image);
}

function partsOf(bytes: Uint8Array, { headerSize, firmwareSize, protectedTlvs, tlvs }: McubootImage): McubootToSign {
  const otherTlvs = tlvs.filter(({ type }) => !REPLACED.has(type));
  return { body: bytes.subarray(0, headerSize + firmwareSize), protectedTlvs, otherTlvs };
}

/** What is signed: header, firmware and protected TLVs, the new one last; in words, why it cannot be among them. */
export function withProtectedTlv({ body, protectedTlvs }: McubootToSign, tlv: Tlv): Uint8Array | string {
  if (protectedTlvs.some(({ type }) => type === tlv.type)) return 'the image has a protected TLV of this type already';
  const area = areaOf(PROTECTED_MAGIC, [...protectedTlvs, tlv]);
  if (area.length > MOST) return `its protected TLVs would have ${area.length} bytes, the format has room for ${MOST}`;
  const made = concat([body, area]);
  made.set(u16(area.length), PROTECTED_SIZE_AT);
  return made;
}

/** The whole image: what is signed, then its hash, whose key signed it, and the signature. */
export function signedImage(
  { otherTlvs }: McubootToSign,
  signed: Uint8Array,
  keyHash: Uint8Array,
  signature: Tlv,
): Uint8Array {
  const hash = { type: SHA256, value: sha256(signed) };
  return concat([signed, areaOf(INFO_MAGIC, [hash, ...otherTlvs, { type: KEY_HASH, value: keyHash }, signature])]);
}

function areaOf(magic: number, tlvs: readonly Tlv[]): Uint8Array {
  const records = concat(tlvs.map(({ type, value }) => concat([u16(type), u16(value.length), value])));
  return concat([u16(magic), u16(INFO + records.length), records]);
}

function u16(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff, (value >> 8) & 0xff);
}
