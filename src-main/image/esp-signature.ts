import { readU32 } from '#shared/base/bytes.ts';
import { crc32, sha256Hex } from '#shared/base/digest.ts';
import { readEspImage } from './esp-image.ts';

/**
 * The signature sector of secure boot (ESP-IDF, Secure Boot v2): behind the image, at a multiple of 4 KiB, up to three blocks of 1216
 * bytes: E7, the version (2: RSA-3072, 3: ECDSA), the image's SHA-256 from byte 4, the key, and the CRC-32 of all that at 1196.
 */
const SECTOR = 0x1000;
const BLOCK = 1216;
const MAGIC = 0xe7;
const CRC_AT = 1196;
const KEY = 36;
/** Modulus, exponent and two constants of it. */
const RSA_KEY = 776;
/** The curve's id and a point of P-256. */
const EC_KEY = 65;
const P256 = 2;

/**
 * SHA-256 of the keys that signed the image, as eFuses hold them, of blocks that belong to this very image; in hexadecimal.
 * Whether the signatures are right is the signer's to prove.
 */
export function readSignatures(bytes: Uint8Array): string[] {
  const image = readEspImage(bytes);
  if (!image) return [];
  const at = Math.ceil(image.size / SECTOR) * SECTOR;
  const digest = sha256Hex(bytes.subarray(0, at));
  return [0, 1, 2].flatMap((index) => {
    const block = bytes.subarray(at + index * BLOCK, at + (index + 1) * BLOCK);
    if (block.length < BLOCK || block[0] !== MAGIC) return [];
    if (readU32(block, CRC_AT) !== crc32(block.subarray(0, CRC_AT))) return [];
    if (hex(block.subarray(4, KEY)) !== digest) return [];
    if (block[1] === 2) return [sha256Hex(block.subarray(KEY, KEY + RSA_KEY))];
    return block[1] === 3 && block[KEY] === P256 ? [sha256Hex(block.subarray(KEY, KEY + EC_KEY))] : [];
  });
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
