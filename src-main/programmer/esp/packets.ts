import { deflate, deflateRaw, constants } from 'node:zlib';
import { promisify } from 'node:util';
import { concat } from '#shared/base/bytes.ts';

/** What the stub has room for, twice: one block is received while the one before is inflated and written. */
export const BLOCK = 0x4000;
/** The stub inflates into a window of this size, and writes whenever it is full (tinfl, TINFL_LZ_DICT_SIZE). */
const WINDOW = 0x8000;
const LEVEL = 9;

const packed = promisify<Uint8Array, { level: number }, Buffer>(deflate);
const packedRaw = promisify<Uint8Array, { level: number; dictionary?: Uint8Array; finishFlush: number }, Buffer>(
  deflateRaw,
);

/** As zlib's compressed stream: as much in each as there is room for. */
export async function fullPackets(bytes: Uint8Array): Promise<Uint8Array[]> {
  const data = await packed(bytes, { level: LEVEL });
  return cut(data, BLOCK);
}

/**
 * For a flash that has to be erased first, by so many commands. The stub begins one at each packet if the flash is ready, and before it
 * writes it waits for that one's end. So a window goes in packets of which only the last fills it: what the others begin is
 * erased while that one is on its way, and where the window's last byte is a packet's last nothing more is begun behind its write.
 */
export async function windowPackets(bytes: Uint8Array, erases: number): Promise<Uint8Array[]> {
  const packets: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const left = bytes.length - at;
    const erasing = packets.length / 2 < erases;
    const size = erasing ? Math.min(WINDOW, left) : left;
    const part = await packedRaw(bytes.subarray(at, at + size), {
      level: LEVEL,
      ...(at > 0 ? { dictionary: bytes.subarray(at - WINDOW, at) } : {}),
      // Up to a whole byte, with what came before as its dictionary.
      finishFlush: size === left ? constants.Z_FINISH : constants.Z_SYNC_FLUSH,
    });
    const stream = concat([at === 0 ? ZLIB_HEAD : NONE, part, size === left ? adler32(bytes) : NONE]);
    packets.push(...cut(stream, erasing ? Math.min(BLOCK, Math.ceil(stream.length / 2)) : BLOCK));
    at += size;
  }
  return packets;
}

/** Deflate with a window of 32 KiB, level 9 (RFC 1950, 2.2). */
const ZLIB_HEAD = Uint8Array.of(0x78, 0xda);
const NONE = new Uint8Array();

/** RFC 1950, 9, high byte first. */
function adler32(bytes: Uint8Array): Uint8Array {
  let a = 1;
  let b = 0;
  // As many as sums of 32 bits bear.
  for (let at = 0; at < bytes.length; at += 5552) {
    for (const byte of bytes.subarray(at, at + 5552)) {
      a += byte;
      b += a;
    }
    a %= 65_521;
    b %= 65_521;
  }
  return Uint8Array.of(b >> 8, b & 0xff, a >> 8, a & 0xff);
}

function cut(stream: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(stream.length / size) }, (_, index) =>
    stream.subarray(index * size, (index + 1) * size),
  );
}
