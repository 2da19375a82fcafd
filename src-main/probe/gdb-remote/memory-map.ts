import { attribute, readDocument } from './xml.ts';

/** Flash that the server knows how to write; addresses and sizes in bytes. */
export interface FlashRegion {
  readonly start: number;
  readonly size: number;
  /** What an erase rounds to. */
  readonly blockSize: number;
}

/** Regions of a map that makes sense; more is an endless one. */
const MAX_REGIONS = 256;

/** The server's flash, from its memory map (GDB manual, E.14 "Memory Map Format"); empty where it gives none. */
export async function readFlashRegions(ask: (request: string) => Promise<string>, packetSize: number) {
  const document = await readDocument('memory-map', '', ask, packetSize);
  return document === undefined ? [] : parseFlashRegions(document);
}

export function parseFlashRegions(document: string): FlashRegion[] {
  const regions: FlashRegion[] = [];
  const memories = document.replaceAll(/<!--.*?-->/gsu, '').matchAll(/<memory(\s[^>]*?)(?:\/>|>(.*?)<\/memory>)/gsu);
  for (const [, attributes = '', inside = ''] of memories) {
    if (attribute(attributes, 'type') !== 'flash' || regions.length === MAX_REGIONS) continue;
    const start = Number(attribute(attributes, 'start'));
    const size = Number(attribute(attributes, 'length'));
    const [, block] = /<property\s+name\s*=\s*["']blocksize["']\s*>\s*(\w+)\s*</u.exec(inside) ?? [];
    const blockSize = Number(block);
    if (start >= 0 && size > 0 && blockSize > 0 && start + size <= 2 ** 32) regions.push({ start, size, blockSize });
  }
  return regions;
}
