import { FLASH, ROW_SIZE } from '../samd21/nvmctrl.ts';
import { FAMILY } from './boot-loader.ts';

/**
 * The file system that a UF2 boot loader makes up as it is read (uf2-samdx1, fat.c): FAT16, a sector to a cluster, two
 * tables, a root directory of 64 entries; what is written to it leaves no trace but in the flash.
 */
export const SECTOR = 512;
const CLUSTERS = 16_000;
export const SECTORS = CLUSTERS - 2;
const PER_FAT = Math.ceil((CLUSTERS * 2) / SECTOR);
const FAT_START = 1;
const ROOT_START = FAT_START + 2 * PER_FAT;
const ROOT_SECTORS = 4;
const DATA_START = ROOT_START + ROOT_SECTORS;
const LABEL = 'FLBENCH    ';
const INDEX = '<!doctype html>\n<html><body>Flashline bench</body></html>\n';
const MEDIA = 0xf0;
const ENTRY = 32;

/** What differs from what the boot loader should be: faults. */
export interface FatFaults {
  /** CURRENT.UF2's size as the directory says it; 0: there is no such file. */
  readonly currentSize?: number;
}

interface FatFile {
  /** Eight and three characters. */
  readonly name: string;
  readonly size: number;
  /** Its first cluster. */
  readonly cluster: number;
  readonly sector: (index: number) => Uint8Array;
}

export class GhostFat {
  readonly #files: readonly FatFile[];

  constructor(info: () => string, readRow: (address: number) => Uint8Array, { currentSize }: FatFaults = {}) {
    const size = currentSize ?? FLASH.size * 2;
    const all: FatFile[] = [
      { name: 'INFO_UF2TXT', size: info().length, cluster: 2, sector: () => textSector(info()) },
      { name: 'INDEX   HTM', size: INDEX.length, cluster: 3, sector: () => textSector(INDEX) },
      { name: 'CURRENT UF2', size, cluster: 4, sector: (index) => flashSector(index, readRow) },
    ];
    this.#files = all.filter((file) => file.size > 0);
  }

  read(sector: number): Uint8Array {
    if (sector === 0) return bootSector();
    if (sector < ROOT_START) return this.#fat((sector - FAT_START) % PER_FAT);
    if (sector < DATA_START) return sector === ROOT_START ? this.#root() : new Uint8Array(SECTOR);
    const cluster = sector - DATA_START + 2;
    const file = this.#files.findLast((candidate) => candidate.cluster <= cluster);
    const index = cluster - (file?.cluster ?? 0);
    return file && index < sectorsOf(file) ? file.sector(index) : new Uint8Array(SECTOR);
  }

  #fat(index: number): Uint8Array {
    const bytes = new Uint8Array(SECTOR);
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < SECTOR / 2; at++) view.setUint16(at * 2, this.#next(index * (SECTOR / 2) + at), true);
    return bytes;
  }

  #next(cluster: number): number {
    if (cluster < 2) return cluster === 0 ? 0xff00 | MEDIA : 0xffff;
    const file = this.#files.findLast((candidate) => candidate.cluster <= cluster);
    const last = file ? file.cluster + sectorsOf(file) - 1 : 0;
    if (cluster > last) return 0;
    return cluster === last ? 0xffff : cluster + 1;
  }

  #root(): Uint8Array {
    const bytes = new Uint8Array(SECTOR);
    const view = new DataView(bytes.buffer);
    put(bytes, 0, LABEL);
    bytes[11] = 0x28;
    for (const [index, { name, cluster, size }] of this.#files.entries()) {
      const at = (index + 1) * ENTRY;
      put(bytes, at, name);
      view.setUint16(at + 16, 0x4d99, true);
      view.setUint16(at + 24, 0x4d99, true);
      view.setUint16(at + 26, cluster, true);
      view.setUint32(at + 28, size, true);
    }
    return bytes;
  }
}

function sectorsOf({ size }: FatFile): number {
  return Math.ceil(size / SECTOR);
}

/** `jump(3) OEM(8) sector size(2) ...` (Microsoft, FAT: General Overview, BPB). */
function bootSector(): Uint8Array {
  const bytes = new Uint8Array(SECTOR);
  const view = new DataView(bytes.buffer);
  bytes.set([0xeb, 0x3c, 0x90]);
  put(bytes, 3, 'UF2 UF2 ');
  view.setUint16(11, SECTOR, true);
  // A sector to a cluster, one reserved, two tables, 64 entries.
  bytes[13] = 1;
  view.setUint16(14, FAT_START, true);
  bytes[16] = 2;
  view.setUint16(17, (ROOT_SECTORS * SECTOR) / ENTRY, true);
  view.setUint16(19, SECTORS, true);
  bytes[21] = MEDIA;
  view.setUint16(22, PER_FAT, true);
  view.setUint16(24, 1, true);
  view.setUint16(26, 1, true);
  bytes[38] = 0x29;
  view.setUint32(39, 0x00420042, true);
  put(bytes, 43, LABEL);
  put(bytes, 54, 'FAT16   ');
  bytes.set([0x55, 0xaa], 510);
  return bytes;
}

function put(bytes: Uint8Array, at: number, text: string): void {
  bytes.set(new TextEncoder().encode(text), at);
}

function textSector(text: string): Uint8Array {
  const bytes = new Uint8Array(SECTOR);
  bytes.set(new TextEncoder().encode(text).subarray(0, SECTOR));
  return bytes;
}

/** A block of CURRENT.UF2: 256 bytes of the flash. */
function flashSector(index: number, readRow: (address: number) => Uint8Array): Uint8Array {
  const bytes = new Uint8Array(SECTOR);
  const address = index * ROW_SIZE;
  if (address >= FLASH.size) return bytes;
  const view = new DataView(bytes.buffer);
  const head = [0x0a324655, 0x9e5d5157, 0x2000, address, ROW_SIZE, index, FLASH.size / ROW_SIZE, FAMILY];
  head.forEach((word, at) => view.setUint32(at * 4, word, true));
  bytes.set(readRow(address), 32);
  view.setUint32(508, 0x0ab16f30, true);
  return bytes;
}
