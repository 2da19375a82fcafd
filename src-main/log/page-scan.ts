import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import { readU32be, sqliteVarint } from './sqlite-bytes.ts';

/** Every log was made with SQLite's default page size; a damaged header is not asked. */
export const PAGE_BYTES = 4096;
/** Of the write-ahead log: its header, and the header of each frame (sqlite.org/fileformat2.html, section 4.1). */
export const WAL_HEADER_BYTES = 32;
export const FRAME_HEADER_BYTES = 24;

const TABLE_LEAF = 0x0d;
/** The first page begins with the file's header. */
const FILE_HEADER_BYTES = 100;
/** Longer than any record: what claims to be more is damaged. */
const MOST_BYTES = 64 * 1024 * 1024;

/** How much of a payload stands in its cell (sqlite.org/fileformat2.html, section 1.6: U = 4096, X = U - 35). */
const MOST_LOCAL = PAGE_BYTES - 35;
const LEAST_LOCAL = Math.floor(((PAGE_BYTES - 12) * 32) / 255) - 23;
const OVERFLOW_BYTES = PAGE_BYTES - 4;

/**
 * Every text in every table row that can still be read in a SQLite file and its write-ahead log, page by page and past the
 * tree, so that one broken page hides no other. Rows that were deleted or never committed may be among them: whoever asks
 * must be able to tell what a text is worth by the text itself. `turned` is told before each page.
 */
export function* textsIn(
  file: string,
  isWanted: (start: string) => boolean,
  turned: () => void = () => undefined,
): Generator<string> {
  const pages = new PagesOf(file);
  try {
    for (const { page, first } of pages.all()) {
      turned();
      yield* textsOfPage(page, first ? FILE_HEADER_BYTES : 0, pages, isWanted);
    }
  } finally {
    pages.close();
  }
}

/** How many pages `textsIn` turns. */
export function pagesIn(file: string): number {
  const bytesOf = (path: string) => (existsSync(path) ? statSync(path).size : 0);
  const inLog = bytesOf(`${file}-wal`) - WAL_HEADER_BYTES - FRAME_HEADER_BYTES;
  return Math.ceil(bytesOf(file) / PAGE_BYTES) + Math.max(0, Math.ceil(inLog / (FRAME_HEADER_BYTES + PAGE_BYTES)));
}

/** The pages of a file as they are, and those of its write-ahead log. */
class PagesOf {
  readonly #main: OpenFile;
  readonly #wal: OpenFile;
  /** Where a page's newest copy begins in the write-ahead log. */
  readonly #newest = new Map<number, number>();

  constructor(file: string) {
    this.#main = new OpenFile(file);
    this.#wal = new OpenFile(`${file}-wal`);
    for (const { number, at } of this.#frames()) this.#newest.set(number, at);
  }

  *all(): Generator<{ page: Buffer; first: boolean }> {
    for (let at = 0; at < this.#main.size; at += PAGE_BYTES)
      yield { page: this.#main.read(at, PAGE_BYTES), first: at === 0 };
    for (const { number, at } of this.#frames()) yield { page: this.#wal.read(at, PAGE_BYTES), first: number === 1 };
  }

  /** Its copies, the one that is most likely right first. */
  copiesOf(number: number): Buffer[] {
    const newest = this.#newest.get(number);
    const inMain = (number - 1) * PAGE_BYTES;
    return [
      ...(newest === undefined ? [] : [this.#wal.read(newest, PAGE_BYTES)]),
      ...(number > 0 && inMain < this.#main.size ? [this.#main.read(inMain, PAGE_BYTES)] : []),
    ];
  }

  close(): void {
    this.#main.close();
    this.#wal.close();
  }

  *#frames(): Generator<{ number: number; at: number }> {
    const frame = FRAME_HEADER_BYTES + PAGE_BYTES;
    for (let at = WAL_HEADER_BYTES; at + FRAME_HEADER_BYTES < this.#wal.size; at += frame)
      yield { number: readU32be(this.#wal.read(at, 4), 0), at: at + FRAME_HEADER_BYTES };
  }
}

class OpenFile {
  readonly size: number;
  readonly #descriptor: number | null;

  constructor(file: string) {
    this.#descriptor = existsSync(file) ? openSync(file, 'r') : null;
    this.size = this.#descriptor === null ? 0 : statSync(file).size;
  }

  /** Zeros where the file, or its disk, gives nothing. */
  read(at: number, length: number): Buffer {
    const bytes = Buffer.alloc(length);
    try {
      if (this.#descriptor !== null) readSync(this.#descriptor, bytes, 0, length, at);
    } catch {
      // A sector that the disk cannot read is what salvage is for.
    }
    return bytes;
  }

  close(): void {
    if (this.#descriptor !== null) closeSync(this.#descriptor);
  }
}

function* textsOfPage(
  page: Buffer,
  offset: number,
  pages: PagesOf,
  isWanted: (start: string) => boolean,
): Generator<string> {
  const seen = new Set<string>();
  for (const text of textsOfCells(page, offset, pages, isWanted)) {
    seen.add(text);
    yield text;
  }
  // Where the page's own order is lost, what stands in it in one piece can still be found.
  for (const text of objectsIn(page)) if (!seen.has(text) && isWanted(text.slice(0, 64))) yield text;
}

function* textsOfCells(
  page: Buffer,
  offset: number,
  pages: PagesOf,
  isWanted: (start: string) => boolean,
): Generator<string> {
  if (page[offset] !== TABLE_LEAF) return;
  const cells = Math.min(page.readUInt16BE(offset + 3), Math.floor((PAGE_BYTES - offset - 8) / 2));
  for (let cell = 0; cell < cells; cell++) {
    const at = page.readUInt16BE(offset + 8 + cell * 2);
    for (const payload of payloadsAt(page, at, pages)) yield* textsOfRow(payload, isWanted);
  }
}

/** What the canonical JSON of an opening or a record begins with. */
const BEGIN = '{"appVersion":';
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const CLOSE = 0x7d;

function* objectsIn(page: Buffer): Generator<string> {
  for (let at = page.indexOf(BEGIN); at >= 0; at = page.indexOf(BEGIN, at + 1)) {
    const end = endOfObject(page, at);
    if (end !== null) yield page.toString('utf8', at, end);
  }
}

function endOfObject(page: Buffer, start: number): number | null {
  let depth = 0;
  let inText = false;
  for (let at = start; at < page.length; at++) {
    const byte = page[at];
    if (inText && byte === BACKSLASH) at += 1;
    else if (byte === QUOTE) inText = !inText;
    else if (!inText && byte === OPEN) depth += 1;
    else if (!inText && byte === CLOSE) depth -= 1;
    if (depth === 0) return at + 1;
  }
  return null;
}

/** A cell's payload; more than one where its rest could have stood in several places. */
function* payloadsAt(page: Buffer, at: number, pages: PagesOf): Generator<Buffer> {
  const length = sqliteVarint(page, at);
  const rowid = length && sqliteVarint(page, length.next);
  if (!length || !rowid || length.value > MOST_BYTES) return;
  const local = localBytes(length.value);
  const start = rowid.next;
  if (start + local > PAGE_BYTES) return;
  if (local === length.value) {
    yield page.subarray(start, start + local);
    return;
  }
  if (start + local + 4 > PAGE_BYTES) return;
  const head = page.subarray(start, start + local);
  for (const which of ['newest', 'oldest'] as const) {
    const rest = overflow(readU32be(page, start + local), length.value - local, pages, which);
    if (rest !== null) yield Buffer.concat([head, ...rest]);
  }
}

function localBytes(length: number): number {
  if (length <= MOST_LOCAL) return length;
  const local = LEAST_LOCAL + ((length - LEAST_LOCAL) % OVERFLOW_BYTES);
  return local <= MOST_LOCAL ? local : LEAST_LOCAL;
}

function overflow(first: number, length: number, pages: PagesOf, which: 'newest' | 'oldest'): Buffer[] | null {
  const parts: Buffer[] = [];
  let next = first;
  for (let left = length; left > 0; left -= OVERFLOW_BYTES) {
    const copies = pages.copiesOf(next);
    const page = copies.at(which === 'newest' ? 0 : -1);
    if (page === undefined) return null;
    parts.push(page.subarray(4, 4 + Math.min(left, OVERFLOW_BYTES)));
    next = readU32be(page, 0);
  }
  return parts;
}

/** The texts of a row (sqlite.org/fileformat2.html, section 2.1): its header names each column's type and length. */
function* textsOfRow(payload: Buffer, isWanted: (start: string) => boolean): Generator<string> {
  const header = sqliteVarint(payload, 0);
  if (!header || header.value > payload.length) return;
  let body = header.value;
  for (let at = header.next; at < header.value;) {
    const type = sqliteVarint(payload, at);
    if (!type) return;
    at = type.next;
    const length = bytesOfType(type.value);
    const isText = type.value >= 13 && type.value % 2 === 1;
    if (body + length > payload.length) return;
    const text = isText ? payload.subarray(body, body + length) : null;
    if (text !== null && isWanted(text.subarray(0, 64).toString('utf8'))) yield text.toString('utf8');
    body += length;
  }
}

/** NULL, six integers, a float, the constants 0 and 1, two that are never used. */
const FIXED_BYTES = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0];

function bytesOfType(type: number): number {
  return FIXED_BYTES[type] ?? Math.floor((type - 12) / 2);
}
