import { constants, createHash, createPublicKey, verify } from 'node:crypto';
import { readU32 } from '#shared/base/bytes.ts';
import { type Boot, type ReadCells, refuses } from './boot.ts';

export interface EspFuses {
  /** Secure boot v2 is on. */
  readonly secureBoot: boolean;
  /** SHA-256 of the keys that it takes, lower-case hexadecimal. */
  readonly digests: readonly string[];
}

export interface EspStart {
  readonly chipId: number;
  /** Where the ROM looks for the boot loader. */
  readonly bootloader: number;
  readonly fuses: EspFuses;
}

const SECTOR = 0x1000;
const TABLE = 0x8000;
const TABLE_SIZE = 0xc00;
const MOST = 0x100000;
const FACTORY = 0x00;
const OTA_0 = 0x10;

/** ESP-IDF, "App Image Format", "Partition Tables", "Over The Air Updates", "Secure Boot v2": ROM, then second stage. */
export function bootEsp({ chipId, bootloader, fuses }: EspStart, read: ReadCells): Boot {
  const loader = imageAt(read, bootloader, chipId);
  if (typeof loader === 'string') return refuses('rom', loader);
  if (fuses.secureBoot && !isSigned(read, bootloader, loader, fuses))
    return refuses('rom', 'its boot loader is not signed by its key');
  const partitions = tableOf(read(TABLE, TABLE_SIZE));
  if (!partitions) return refuses('bootloader', 'it has no partition table');
  for (const address of candidates(partitions, read)) {
    const image = imageAt(read, address, chipId);
    if (typeof image === 'string' || (fuses.secureBoot && !isSigned(read, address, image, fuses))) continue;
    const sha256 = createHash('sha256').update(read(address, image.size)).digest('hex');
    return { end: 'boots', image: sha256, version: '', confirmed: true };
  }
  return refuses('bootloader', 'no partition of its table holds an application that it may start');
}

interface EspImageFound {
  readonly size: number;
}

/** Header (E9, segments; chip at 12, 1 at 23: SHA-256 behind), segments behind 8 bytes each, padding, checksum, SHA-256. */
function imageAt(read: ReadCells, address: number, chipId: number): EspImageFound | string {
  const header = read(address, 24);
  const segments = header[1] ?? 0;
  if (header[0] !== 0xe9 || segments === 0 || segments > 16) return `there is no image at 0x${address.toString(16)}`;
  if (((header[12] ?? 0) | ((header[13] ?? 0) << 8)) !== chipId) return 'its image is for another chip';
  let offset = 24;
  let checksum = 0xef;
  for (let left = segments; left > 0; left--) {
    const length = readU32(read(address + offset, 8), 4);
    if (length > MOST) return 'a segment of its image is too long';
    for (const byte of read(address + offset + 8, length)) checksum ^= byte;
    offset += 8 + length;
  }
  const end = offset + 16 - (offset % 16);
  if (read(address + end - 1, 1)[0] !== checksum) return 'the checksum of its image is wrong';
  if (header[23] !== 1) return { size: end };
  const digest = createHash('sha256').update(read(address, end)).digest();
  return digest.equals(read(address + end, 32)) ? { size: end + 32 } : 'the hash of its image is wrong';
}

interface Partition {
  readonly type: number;
  readonly subtype: number;
  readonly address: number;
  readonly size: number;
}

/** Undefined where the table's MD5 row (EB EB) is not that of the rows before it. */
function tableOf(table: Uint8Array): Partition[] | undefined {
  const partitions: Partition[] = [];
  for (let at = 0; at + 32 <= table.length; at += 32) {
    const [first, second] = [table[at], table[at + 1]];
    if (first === 0xeb && second === 0xeb) {
      const md5 = createHash('md5').update(table.subarray(0, at)).digest();
      return md5.equals(table.subarray(at + 16, at + 32)) ? partitions : undefined;
    }
    if (first !== 0xaa || second !== 0x50) return undefined;
    const [type = 0, subtype = 0] = [table[at + 2], table[at + 3]];
    partitions.push({ type, subtype, address: readU32(table, at + 4), size: readU32(table, at + 8) });
  }
  return undefined;
}

/** The partition that OTA data names, then those below it down to the factory's, then those above. */
function candidates(partitions: readonly Partition[], read: ReadCells): number[] {
  const applications = partitions.filter(({ type }) => type === 0);
  const factory = applications.find(({ subtype }) => subtype === FACTORY);
  const slots = applications.filter(({ subtype }) => subtype >= OTA_0 && subtype < 0x20);
  const data = partitions.find(({ type, subtype }) => type === 1 && subtype === 0);
  const chosen = data ? slotOf(data, slots.length, read) : undefined;
  const index = chosen ?? (factory ? -1 : 0);
  const below = slots.slice(0, index + 1).toReversed();
  return [...below, ...(factory ? [factory] : []), ...slots.slice(index + 1)].map(({ address }) => address);
}

/** Two entries, a sector each: sequence number, label, state, CRC-32 of the number. The higher valid one counts. */
function slotOf({ address }: Partition, slots: number, read: ReadCells): number | undefined {
  const numbers = [0, SECTOR].flatMap((sector) => {
    const entry = read(address + sector, 32);
    const [number, state] = [readU32(entry, 0), readU32(entry, 24)];
    const isValid = number !== 0xffffffff && readU32(entry, 28) === crcOf(entry.subarray(0, 4));
    // 3: invalid, 4: aborted.
    return isValid && state !== 3 && state !== 4 ? [number] : [];
  });
  return numbers.length === 0 || slots === 0 ? undefined : (Math.max(...numbers) - 1) % slots;
}

/** esp_rom_crc32_le with 0xFFFFFFFF before: reflected 0xEDB88320 from 0. */
function crcOf(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

/**
 * The sector behind the image: a block with E7 02, SHA-256 of all before at 4, modulus (its lowest byte first) at 36, exponent at
 * 420, the PSS signature (lowest byte first) at 812; the key's digest is that of bytes 36 to 811.
 */
function isSigned(read: ReadCells, address: number, { size }: EspImageFound, { digests }: EspFuses): boolean {
  const signedSize = Math.ceil(size / SECTOR) * SECTOR;
  const block = read(address + signedSize, 1216);
  if (block[0] !== 0xe7 || block[1] !== 2) return false;
  const key = block.subarray(36, 812);
  if (!digests.includes(createHash('sha256').update(key).digest('hex'))) return false;
  const big = (bytes: Uint8Array) => Buffer.from(bytes.toReversed()).toString('base64url');
  const jwk = { kty: 'RSA', n: big(key.subarray(0, 384)), e: big(key.subarray(384, 387)) };
  const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
  const signature = block.subarray(812, 1196).toReversed();
  const rsa = createPublicKey({ key: jwk, format: 'jwk' });
  return verify('sha256', read(address, signedSize), { key: rsa, ...padding }, signature);
}
