import { createHash, verify } from 'node:crypto';
import { readU32 } from '#shared/base/bytes.ts';
import { type Boot, keyOf, refuses } from './boot.ts';

/** MCUboot, "Design": header, TLVs and trailer; all little endian. Hash and Ed25519 or ECDSA over it are what is supported here. */
const MAGIC = 0x96f3b83d;
const TLV_INFO = 0x6907;
const PROTECTED_INFO = 0x6908;
const TLV = { sha256: 0x10, ecdsa: 0x22, ed25519: 0x24 } as const;
const TRAILER_MAGIC = '77c295f360d2ef7f3552500f2cb67980';
/** From the slot's end: magic, image_ok, copy_done, each with BOOT_MAX_ALIGN bytes but the magic, which has 16. */
const IMAGE_OK = 24;

/** What stands in the primary slot, as MCUboot without a second slot takes it. `key`: SubjectPublicKeyInfo, base64. */
export function startMcuboot(slot: Uint8Array, key: string): Boot {
  if (readU32(slot, 0) !== MAGIC) return refuses('bootloader', 'its slot does not begin with an image');
  const header = (slot[8] ?? 0) | ((slot[9] ?? 0) << 8);
  const firmwareEnd = header + readU32(slot, 12);
  const protectedSize = (slot[10] ?? 0) | ((slot[11] ?? 0) << 8);
  const end = firmwareEnd + protectedSize;
  if (header < 32 || end + 4 > slot.length) return refuses('bootloader', 'the image in its slot has no end');
  if (protectedSize > 0 && readU32(slot, firmwareEnd) !== ((protectedSize << 16) | PROTECTED_INFO) >>> 0)
    return refuses('bootloader', 'the image in its slot has other protected TLVs than it says');
  const tlvs = tlvsOf(slot, end);
  const image = slot.subarray(0, end);
  const digest = createHash('sha256').update(image).digest();
  const hash = tlvs.get(TLV.sha256);
  if (!hash || !digest.equals(hash))
    return refuses('bootloader', 'the image in its slot has another hash than it says');
  if (!isSigned(image, digest, tlvs, key))
    return refuses('bootloader', 'no key of its boot loader signed the image in its slot');
  const version = [slot[20] ?? 0, slot[21] ?? 0, (slot[22] ?? 0) | ((slot[23] ?? 0) << 8)].join('.');
  return { end: 'boots', image: digest.toString('hex'), version, confirmed: isConfirmed(slot) };
}

function tlvsOf(slot: Uint8Array, start: number): ReadonlyMap<number, Uint8Array> {
  const u16 = (at: number) => (slot[at] ?? 0) | ((slot[at + 1] ?? 0) << 8);
  const found = new Map<number, Uint8Array>();
  if (u16(start) !== TLV_INFO) return found;
  const end = Math.min(slot.length, start + u16(start + 2));
  for (let at = start + 4; at + 4 <= end; at += 4 + u16(at + 2))
    found.set(u16(at), slot.subarray(at + 4, at + 4 + u16(at + 2)));
  return found;
}

/** Ed25519's message is the image's hash; ECDSA signs that hash itself, so that its message is the image. */
function isSigned(image: Uint8Array, digest: Uint8Array, tlvs: ReadonlyMap<number, Uint8Array>, key: string): boolean {
  const spki = keyOf(key);
  const isEd25519 = spki.asymmetricKeyType === 'ed25519';
  const signature = tlvs.get(isEd25519 ? TLV.ed25519 : TLV.ecdsa);
  if (signature === undefined) return false;
  return isEd25519 ? verify(null, digest, spki, signature) : verify('sha256', image, spki, signature);
}

/** An image that is not confirmed is on trial: the next start puts the one before it back, where there is one. */
function isConfirmed(slot: Uint8Array): boolean {
  const magic = Buffer.from(slot.subarray(-16)).toString('hex');
  return magic === TRAILER_MAGIC && slot.at(-IMAGE_OK) === 1;
}
