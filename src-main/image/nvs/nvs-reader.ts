import { concat, isFilledWith, readU32 } from '#shared/base/bytes.ts';
import {
  NVS_BITMAP,
  NVS_ENTRIES,
  NVS_ENTRY,
  NVS_FIRST_ENTRY,
  NVS_INTEGERS,
  NVS_PAGE,
  NVS_VERSION_BYTE,
  nvsCrc,
  type NvsEntry,
  nvsEntryCrc,
  nvsPageCrc,
  NvsPageState,
  NvsType,
  type NvsValue,
  type NvsVersion,
} from './nvs-format.ts';

export interface NvsPage {
  readonly state: keyof typeof NvsPageState | 'unknown';
  readonly sequence: number;
  readonly version: NvsVersion | null;
  /** Entries in use. */
  readonly used: number;
}

export interface NvsContent {
  /** Of the pages that are not empty, in the order of the partition. */
  readonly pages: readonly NvsPage[];
  /** In the order in which they were written. */
  readonly entries: readonly NvsEntry[];
  /** What is wrong, in words; an encrypted partition has nothing but. */
  readonly problems: readonly string[];
}

/** An entry as it stands in a page. */
interface RawEntry {
  readonly namespace: number;
  readonly type: number;
  readonly chunk: number;
  readonly key: string;
  /** Bytes 24-31. */
  readonly value: Uint8Array;
  readonly data: Uint8Array;
  readonly place: string;
}

/** Whether a plain file is an NVS partition: whole pages, and one that says so with a right CRC. */
export function looksLikeNvs(bytes: Uint8Array): boolean {
  if (bytes.length === 0 || bytes.length % NVS_PAGE !== 0) return false;
  return pagesOf(bytes).some(isNvsPage);
}

/** Reads what can be read, and says of the rest why not. Throws nothing. */
export function readNvs(bytes: Uint8Array): NvsContent {
  const problems: string[] = [];
  if (bytes.length % NVS_PAGE !== 0) problems.push(`its size, ${bytes.length} bytes, is not of whole pages`);
  const found = pagesOf(bytes).flatMap((page, index) => {
    if (isFilledWith(page, 0xff)) return [];
    if (!isNvsPage(page)) {
      problems.push(`page ${index} has no right header`);
      return [];
    }
    return [{ index, page, sequence: readU32(page, 4) }];
  });
  const raw = found
    .toSorted((a, b) => a.sequence - b.sequence)
    .flatMap(({ page, index }) => readPage(page, index, problems));
  return { pages: found.map(({ page }) => describePage(page)), entries: assemble(raw, problems), problems };
}

function pagesOf(bytes: Uint8Array): Uint8Array[] {
  const count = Math.floor(bytes.length / NVS_PAGE);
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * NVS_PAGE, (index + 1) * NVS_PAGE));
}

function isNvsPage(page: Uint8Array): boolean {
  return stateOf(page) !== 'unknown' && stateOf(page) !== 'empty' && readU32(page, 28) === nvsPageCrc(page);
}

function stateOf(page: Uint8Array): NvsPage['state'] {
  const state = readU32(page, 0);
  const names = ['empty', 'active', 'full', 'freeing', 'corrupt'] as const;
  return names.find((name) => NvsPageState[name] === state) ?? 'unknown';
}

function describePage(page: Uint8Array): NvsPage {
  const version = ([1, 2] as const).find((each) => NVS_VERSION_BYTE[each] === page[8]) ?? null;
  let used = 0;
  for (let entry = 0; entry < NVS_ENTRIES; entry++) if (isWritten(page, entry)) used++;
  return { state: stateOf(page), sequence: readU32(page, 4), version, used };
}

/** 11 empty, 10 written, 00 erased. */
function isWritten(page: Uint8Array, entry: number): boolean {
  return (((page[NVS_BITMAP + (entry >> 2)] ?? 0) >> ((entry & 3) * 2)) & 3) === 2;
}

function readPage(page: Uint8Array, pageIndex: number, problems: string[]): RawEntry[] {
  const entries: RawEntry[] = [];
  for (let at = 0; at < NVS_ENTRIES; at++) {
    if (!isWritten(page, at)) continue;
    const place = `page ${pageIndex} entry ${at}`;
    const start = NVS_FIRST_ENTRY + at * NVS_ENTRY;
    const header = page.subarray(start, start + NVS_ENTRY);
    if (readU32(header, 4) !== nvsEntryCrc(header)) {
      problems.push(`${place}: its CRC is wrong; it is damaged, or the partition is encrypted`);
      continue;
    }
    const [namespace = 0, type = 0, span = 1, chunk = 0] = header;
    const value = header.subarray(24, 32);
    const size = hasData(type) ? (value[0] ?? 0) | ((value[1] ?? 0) << 8) : 0;
    const data = page.subarray(start + NVS_ENTRY, start + NVS_ENTRY + size);
    if (data.length < size) problems.push(`${place}: its data does not fit into the page`);
    else if (hasData(type) && readU32(value, 4) !== nvsCrc(data))
      problems.push(`${place}: the CRC of its data is wrong`);
    else entries.push({ namespace, type, chunk, key: keyOf(header), value, data, place });
    at += Math.max(span, 1) - 1;
  }
  return entries;
}

function hasData(type: number): boolean {
  return type === NvsType.string || type === NvsType.blob || type === NvsType.blobData;
}

function keyOf(header: Uint8Array): string {
  const key = header.subarray(8, 24);
  const end = key.indexOf(0);
  return new TextDecoder().decode(end < 0 ? key : key.subarray(0, end));
}

function assemble(raw: readonly RawEntry[], problems: string[]): NvsEntry[] {
  const namespaces = new Map(
    raw
      .filter(({ namespace, type }) => namespace === 0 && type === NVS_INTEGERS.u8.code)
      .map((each) => [each.value[0], each.key]),
  );
  const chunks = new Map(
    raw.filter(({ type }) => type === NvsType.blobData).map((each) => [chunkName(each, each.chunk), each.data]),
  );
  return raw.flatMap((each) => {
    if (each.namespace === 0 || each.type === NvsType.blobData) return [];
    const namespace = namespaces.get(each.namespace);
    const value = valueOf(each, chunks);
    if (namespace === undefined) problems.push(`${each.place}: nothing names its namespace ${each.namespace}`);
    if (typeof value === 'string') problems.push(`${each.place}: ${value}`);
    return namespace === undefined || typeof value === 'string' ? [] : [{ namespace, key: each.key, ...value }];
  });
}

function chunkName({ namespace, key }: RawEntry, chunk: number): string {
  return JSON.stringify([namespace, key, chunk]);
}

/** The value, or what is wrong with it. */
function valueOf(entry: RawEntry, chunks: ReadonlyMap<string, Uint8Array>): NvsValue | string {
  const { type, value, data } = entry;
  if (type === NvsType.string) {
    if (data.at(-1) !== 0) return 'a string without its terminating zero';
    return { type: 'string', value: new TextDecoder().decode(data.subarray(0, -1)) };
  }
  if (type === NvsType.blob) return { type: 'blob', value: data };
  if (type === NvsType.blobIndex) return blobOf(entry, chunks);
  const name = (Object.keys(NVS_INTEGERS) as (keyof typeof NVS_INTEGERS)[]).find(
    (each) => NVS_INTEGERS[each].code === type,
  );
  if (name === undefined) return `a type that we do not know, 0x${type.toString(16)}`;
  const { bits, signed } = NVS_INTEGERS[name];
  const number = new DataView(value.buffer, value.byteOffset, 8).getBigUint64(0, true);
  return { type: name, value: signed ? BigInt.asIntN(bits, number) : BigInt.asUintN(bits, number) };
}

function blobOf(index: RawEntry, chunks: ReadonlyMap<string, Uint8Array>): NvsValue | string {
  const [count = 0, first = 0] = index.value.subarray(4);
  const parts: Uint8Array[] = [];
  for (let chunk = first; chunk < first + count; chunk++) {
    const part = chunks.get(chunkName(index, chunk));
    if (part === undefined) return `chunk ${chunk} of the blob is missing`;
    parts.push(part);
  }
  const whole = concat(parts);
  const size = readU32(index.value, 0);
  return whole.length === size
    ? { type: 'blob', value: whole }
    : `a blob of ${size} bytes with chunks of ${whole.length}`;
}
