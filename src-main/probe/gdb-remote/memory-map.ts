import { attribute, readDocument, withoutComments } from './xml.ts';

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
  for (const { attributes, inside } of memoriesIn(withoutComments(document))) {
    if (attribute(attributes, 'type') !== 'flash' || regions.length === MAX_REGIONS) continue;
    const start = Number(attribute(attributes, 'start'));
    const size = Number(attribute(attributes, 'length'));
    const [, block] = /<property\s+name\s*=\s*["']blocksize["']\s*>\s*(\w+)\s*</u.exec(inside) ?? [];
    const blockSize = Number(block);
    if (start >= 0 && size > 0 && blockSize > 0 && start + size <= 2 ** 32) regions.push({ start, size, blockSize });
  }
  return regions;
}

const OPEN = '<memory';
const CLOSE = '</memory>';

/** Each memory's own tag and what is between it and its end, in one pass. */
function* memoriesIn(document: string): Generator<{ readonly attributes: string; readonly inside: string }> {
  for (let at = document.indexOf(OPEN); at >= 0; at = document.indexOf(OPEN, at)) {
    at += OPEN.length;
    const tagEnd = document.indexOf('>', at);
    if (tagEnd < 0) return;
    // `<memory-map>` is none.
    if (!/\s/u.test(document.charAt(at))) continue;
    const attributes = document.slice(at, tagEnd);
    const end = attributes.endsWith('/') ? tagEnd : document.indexOf(CLOSE, tagEnd);
    if (end < 0) return;
    yield { attributes, inside: document.slice(tagEnd + 1, end) };
    at = end;
  }
}
