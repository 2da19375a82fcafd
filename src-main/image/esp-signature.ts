import { readU32, toHex } from '#shared/base/bytes.ts';
import { crc32, sha256Hex } from '#shared/base/digest.ts';
import { readEspImage } from './esp-image.ts';

/**
 * The signature sector of ESP-IDF's Secure Boot v2 (programming guide, "Signature Block Format"): the last 4096 bytes of an image, with
 * up to three blocks of 1216 bytes. Numbers stand with their lowest byte first.
 *
 * | byte    | RSA-3072                 | ECDSA P-256                     |
 * |---------|--------------------------|---------------------------------|
 * | 0-3     | E7 02 00 00              | E7 03 00 00                     |
 * | 4-35    | SHA-256 of all before the sector                           ||
 * | 36-     | modulus (384), exponent (4), R (384), M' (4): the key | curve 2, X and Y (32 each): the key |
 * | then    | the PSS signature (384)  | r and s (32 each)               |
 * | 1196    | CRC-32 of all before; then zeros                           ||
 */
export interface EspSignatureBlock {
  readonly kind: 'rsa-3072' | 'ecdsa-p256';
  /** What the chip's eFuses hold: SHA-256 of the block's key. */
  readonly keyDigest: string;
  readonly key: Uint8Array;
  /** Of the image, as the block has it. */
  readonly digest: 'right' | 'wrong';
  readonly signature: Uint8Array;
}

const SECTOR = 4096;
const BLOCK = 1216;
const BLOCKS = 3;
const MAGIC = 0xe7;
const CRC_AT = 1196;
const KINDS = {
  2: { kind: 'rsa-3072', keySize: 776, signatureSize: 384 },
  3: { kind: 'ecdsa-p256', keySize: 65, signatureSize: 64 },
} as const;
const P256 = 2;

export interface EspSignatures {
  readonly blocks: readonly EspSignatureBlock[];
  /** What the blocks sign. */
  readonly signed: Uint8Array;
  /** What is wrong with the block behind these, in words. */
  readonly fault?: string;
}

/** Undefined where no sector of signatures ends the image. Throws nothing. */
export function readEspSignatures(bytes: Uint8Array): EspSignatures | undefined {
  const start = bytes.length - SECTOR;
  if (start < SECTOR || bytes.length % SECTOR !== 0 || bytes[start] !== MAGIC) return undefined;
  const signed = bytes.subarray(0, start);
  const digest = sha256Hex(signed);
  const blocks: EspSignatureBlock[] = [];
  for (let index = 0; index < BLOCKS; index++) {
    const block = bytes.subarray(start + index * BLOCK, start + (index + 1) * BLOCK);
    if (block.every((byte) => byte === 0xff)) break;
    const found = readBlock(block, digest);
    if (typeof found === 'string') return { blocks, signed, fault: `its signature block ${index + 1} ${found}` };
    blocks.push(found);
  }
  return { blocks, signed };
}

/**
 * SHA-256 of the keys that signed the image, as eFuses hold them, of blocks that belong to this very image; in hexadecimal. There may be
 * more behind them, as in a flash. Whether the signatures are right is the signer's to prove.
 */
export function readSignatures(bytes: Uint8Array): string[] {
  const image = readEspImage(bytes);
  if (!image) return [];
  const end = (Math.ceil(image.size / SECTOR) + 1) * SECTOR;
  const whole = new Uint8Array(end).fill(0xff);
  whole.set(bytes.subarray(0, end));
  const { blocks = [] } = readEspSignatures(whole) ?? {};
  return blocks.filter(({ digest }) => digest === 'right').map(({ keyDigest }) => keyDigest);
}

function readBlock(block: Uint8Array, imageDigest: string): EspSignatureBlock | string {
  if (block[0] !== MAGIC) return 'does not begin with E7';
  if (readU32(block, CRC_AT) !== crc32(block.subarray(0, CRC_AT))) return 'is damaged: its CRC is wrong';
  const version = block[1];
  if (version !== 2 && version !== 3) return `has the version ${version ?? 0}, which is neither RSA’s nor ECDSA’s`;
  if (version === 3 && (block[2] !== 0 || block[36] !== P256)) return 'is of a curve other than P-256';
  const { kind, keySize, signatureSize } = KINDS[version];
  const key = block.subarray(36, 36 + keySize);
  return {
    kind,
    keyDigest: sha256Hex(key),
    key,
    digest: toHex(block.subarray(4, 36)) === imageDigest ? 'right' : 'wrong',
    signature: block.subarray(36 + keySize, 36 + keySize + signatureSize),
  };
}
