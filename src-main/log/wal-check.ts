import { existsSync, readFileSync } from 'node:fs';
import { endianness } from 'node:os';
import { FRAME_HEADER_BYTES, PAGE_BYTES, WAL_HEADER_BYTES } from './page-scan.ts';
import { readU32be } from './sqlite-bytes.ts';

const MAGIC_LITTLE = 0x377f0682;
const MAGIC_BIG = 0x377f0683;
const FRAME = FRAME_HEADER_BYTES + PAGE_BYTES;

/**
 * SQLite ends its replay of a write-ahead log at the first frame whose checksum is wrong, and says nothing: that is how it
 * forgets a commit that was never finished. True where something stands behind such a frame, or behind a header that is
 * none: a commit that was torn by a power cut, or records that a damaged frame hides.
 */
export function walHidesFrames(file: string): boolean {
  const path = `${file}-wal`;
  if (!existsSync(path)) return false;
  const wal = readFileSync(path);
  if (wal.length < WAL_HEADER_BYTES + FRAME) return false;
  const magic = readU32be(wal, 0);
  if (magic !== MAGIC_LITTLE && magic !== MAGIC_BIG) return true;
  const sum = (magic === MAGIC_BIG) === (endianness() === 'BE') ? sumNative : sumSwapped;
  let state = sum(wal.subarray(0, 24), [0, 0]);
  if (state[0] !== readU32be(wal, 24) || state[1] !== readU32be(wal, 28)) return true;
  for (let at = WAL_HEADER_BYTES; at + FRAME <= wal.length; at += FRAME) {
    // Left by an earlier round through the file.
    if (!sameSalt(wal, at)) return hasSalt(wal, at + FRAME);
    state = sum(wal.subarray(at, at + 8), state);
    state = sum(wal.subarray(at + FRAME_HEADER_BYTES, at + FRAME), state);
    if (state[0] !== readU32be(wal, at + 16) || state[1] !== readU32be(wal, at + 20)) return true;
  }
  return false;
}

function sameSalt(wal: Buffer, frame: number): boolean {
  return wal.compare(wal, 16, 24, frame + 8, frame + 16) === 0;
}

function hasSalt(wal: Buffer, from: number): boolean {
  for (let at = from; at + FRAME <= wal.length; at += FRAME) if (sameSalt(wal, at)) return true;
  return false;
}

type Sum = readonly [number, number];

/** The checksum of sqlite.org/fileformat2.html, section 4.2, over words of this computer's byte order. */
function sumNative(bytes: Buffer, [a, b]: Sum): Sum {
  return sumWords(new Uint32Array(new Uint8Array(bytes).buffer), a, b);
}

function sumSwapped(bytes: Buffer, [a, b]: Sum): Sum {
  return sumWords(new Uint32Array(new Uint8Array(Buffer.from(bytes).swap32()).buffer), a, b);
}

function sumWords(words: Uint32Array, a: number, b: number): Sum {
  let [s0, s1] = [a, b];
  for (let i = 0; i < words.length; i += 2) {
    s0 = (s0 + (words[i] ?? 0) + s1) >>> 0;
    s1 = (s1 + (words[i + 1] ?? 0) + s0) >>> 0;
  }
  return [s0, s1];
}
