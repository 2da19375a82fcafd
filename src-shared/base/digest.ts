import { md5 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { toHex } from './bytes.ts';

/** SHA-256 (FIPS 180-4) as 64 lower-case hexadecimal characters. */
export function sha256Hex(bytes: Uint8Array): string {
  return toHex(sha256(bytes));
}

/** MD5 (RFC 1321) as 32 lower-case hexadecimal characters: where a format or a chip has no better one. */
export function md5Hex(bytes: Uint8Array): string {
  return toHex(md5(bytes));
}

const CRC32_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let crc = index;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc >>> 0;
});

/**
 * CRC-32/ISO-HDLC (zlib's): reflected 0xEDB88320, initial and final XOR 0xFFFFFFFF. A hint, never a proof. `before`: the CRC of
 * what went before, as zlib has it; Espressif's formats begin with 0xFFFFFFFF there.
 */
export function crc32(bytes: Uint8Array, before = 0): number {
  let crc = ~before >>> 0;
  for (const byte of bytes) crc = (crc >>> 8) ^ (CRC32_TABLE[(crc ^ byte) & 0xff] ?? 0);
  return (crc ^ 0xffffffff) >>> 0;
}
