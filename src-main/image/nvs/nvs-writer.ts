import { writeU32 } from '#shared/base/bytes.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import {
  isNvsInteger,
  NVS_ANY_CHUNK,
  NVS_BITMAP,
  NVS_ENTRIES,
  NVS_ENTRY,
  NVS_FIRST_ENTRY,
  NVS_INTEGERS,
  NVS_KEY_BYTES,
  NVS_PAGE,
  NVS_VERSION_BYTE,
  nvsCrc,
  type NvsEntry,
  nvsEntryCrc,
  type NvsInteger,
  nvsPageCrc,
  NvsPageState,
  NvsType,
  type NvsVersion,
} from './nvs-format.ts';

export interface NvsOptions {
  /** Of the partition, in bytes: whole pages. From 3 pages on the last is left empty, as NVS needs it to move entries. */
  readonly size: number;
  readonly version: NvsVersion;
}

/** Strings (their zero included), and blobs of version 1: data of one page. */
const MOST_DATA: Readonly<Record<NvsVersion, number>> = { 1: 1984, 2: 4000 };
/** Chunks are numbered from 0; from 128 on they are of the next version of the same blob. */
const MOST_CHUNKS = 128;
const MOST_NAMESPACES = 254;

/** A partition that holds these entries, byte by byte as Espressif's generator writes it. Throws `nvs-invalid`. */
export function writeNvs(entries: readonly NvsEntry[], options: NvsOptions): Uint8Array {
  const writer = new NvsWriter(options);
  for (const entry of entries) writer.add(entry);
  return writer.bytes;
}

class NvsWriter {
  readonly bytes: Uint8Array;
  readonly #version: NvsVersion;
  readonly #pages: number;
  readonly #namespaces = new Map<string, number>();
  readonly #keys = new Set<string>();
  #page = 0;
  #used = 0;
  /** Of the entry under work, for messages. */
  #path = '';

  constructor({ size, version }: NvsOptions) {
    if (size <= 0 || size % NVS_PAGE !== 0)
      throw this.#invalid(`its size, ${size} bytes, is not of whole ${NVS_PAGE}-byte pages`);
    const pages = size / NVS_PAGE;
    this.#pages = pages < 3 ? pages : pages - 1;
    this.#version = version;
    this.bytes = new Uint8Array(size).fill(0xff);
    this.#beginPage();
  }

  add(entry: NvsEntry): void {
    this.#path = `${entry.namespace}/${entry.key}`;
    const namespace = this.#namespace(entry.namespace);
    this.#checkName('key', entry.key);
    if (this.#keys.has(this.#path)) throw this.#invalid('is there twice');
    this.#keys.add(this.#path);
    if (entry.type === 'string') {
      if (entry.value.includes('\0')) throw this.#invalid('is a string with a zero in it');
      this.#addWhole(namespace, NvsType.string, entry.key, new TextEncoder().encode(`${entry.value}\0`));
    } else if (entry.type !== 'blob') this.#addInteger(namespace, entry.type, entry.key, entry.value);
    else if (this.#version === 1) this.#addWhole(namespace, NvsType.blob, entry.key, entry.value);
    else this.#addChunks(namespace, entry.key, entry.value);
  }

  /** Its first entry is told by an entry of namespace 0. */
  #namespace(name: string): number {
    const known = this.#namespaces.get(name);
    if (known !== undefined) return known;
    this.#checkName('namespace', name);
    const index = this.#namespaces.size + 1;
    if (index > MOST_NAMESPACES) throw this.#invalid(`is in one namespace more than ${MOST_NAMESPACES}`);
    this.#namespaces.set(name, index);
    this.#addInteger(0, 'u8', name, BigInt(index));
    return index;
  }

  #addInteger(namespace: number, type: NvsInteger, key: string, value: bigint): void {
    const { code, bits, signed } = NVS_INTEGERS[type];
    const fits = signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
    if (fits !== value) throw this.#invalid(`${value} does not fit into ${type}`);
    this.#need(1);
    const header = headerOf(namespace, code, 1, NVS_ANY_CHUNK, key);
    const raw = new Uint8Array(8);
    new DataView(raw.buffer).setBigUint64(0, BigInt.asUintN(64, value), true);
    header.set(raw.subarray(0, bits / 8), 24);
    this.#put(header);
  }

  #addWhole(namespace: number, type: number, key: string, data: Uint8Array): void {
    const most = MOST_DATA[this.#version];
    if (data.length > most) throw this.#invalid(`has ${data.length} bytes, the most is ${most}`);
    const span = 1 + Math.ceil(data.length / NVS_ENTRY);
    // The generator leaves a page's last entry free here, though it would fit.
    if (this.#used > 0 && this.#used + span >= NVS_ENTRIES) this.#nextPage();
    this.#put(dataHeader(headerOf(namespace, type, span, NVS_ANY_CHUNK, key), data), data);
  }

  /** Version 2: what is left of this page is filled first, and an index behind the chunks tells how many there are. */
  #addChunks(namespace: number, key: string, data: Uint8Array): void {
    this.#need(1);
    let chunk = 0;
    let at = 0;
    do {
      if (chunk === MOST_CHUNKS) throw this.#invalid(`is a blob of more than ${MOST_CHUNKS} pages`);
      const room = (NVS_ENTRIES - this.#used - 1) * NVS_ENTRY;
      const part = data.subarray(at, at + room);
      const span = 1 + Math.ceil(part.length / NVS_ENTRY);
      this.#put(dataHeader(headerOf(namespace, NvsType.blobData, span, chunk, key), part), part);
      chunk += 1;
      at += part.length;
      if (at < data.length || this.#used === NVS_ENTRIES) this.#nextPage();
    } while (at < data.length);
    const index = headerOf(namespace, NvsType.blobIndex, 1, NVS_ANY_CHUNK, key);
    writeU32(index, 24, data.length);
    // The number of chunks, and that of the first.
    index.set([chunk, 0], 28);
    this.#put(index);
  }

  #need(entries: number): void {
    if (this.#used + entries > NVS_ENTRIES) this.#nextPage();
  }

  #nextPage(): void {
    if (this.#page + 1 >= this.#pages) {
      const room = this.bytes.length >= 3 * NVS_PAGE ? ', of which one page stays empty' : '';
      throw this.#invalid(`does not fit any more: the partition has ${this.bytes.length} bytes${room}`);
    }
    writeU32(this.bytes, this.#page * NVS_PAGE, NvsPageState.full);
    this.#page += 1;
    this.#used = 0;
    this.#beginPage();
  }

  #beginPage(): void {
    const start = this.#page * NVS_PAGE;
    writeU32(this.bytes, start, NvsPageState.active);
    writeU32(this.bytes, start + 4, this.#page);
    this.bytes[start + 8] = NVS_VERSION_BYTE[this.#version];
    writeU32(this.bytes, start + 28, nvsPageCrc(this.bytes.subarray(start, start + NVS_PAGE)));
  }

  /** A header and its data, which stays in this page. */
  #put(header: Uint8Array, data: Uint8Array = new Uint8Array()): void {
    writeU32(header, 4, nvsEntryCrc(header));
    const start = this.#page * NVS_PAGE;
    const at = start + NVS_FIRST_ENTRY + this.#used * NVS_ENTRY;
    this.bytes.set(header, at);
    this.bytes.set(data, at + NVS_ENTRY);
    const end = this.#used + 1 + Math.ceil(data.length / NVS_ENTRY);
    // Two bits an entry, the lower of which falls when it is written.
    for (; this.#used < end; this.#used++) {
      const place = start + NVS_BITMAP + (this.#used >> 2);
      this.bytes[place] = (this.bytes[place] ?? 0) & ~(1 << ((this.#used & 3) * 2));
    }
  }

  #checkName(what: string, name: string): void {
    const { length } = new TextEncoder().encode(name);
    if (length === 0 || length > NVS_KEY_BYTES || name.includes('\0'))
      throw this.#invalid(
        `the ${what} ${JSON.stringify(name)} has ${length} bytes, 1 to ${NVS_KEY_BYTES} are possible`,
      );
  }

  #invalid(detail: string): FlashlineError {
    const path = this.#path;
    const where = path === '' ? {} : { path };
    return new FlashlineError('nvs-invalid', {
      where,
      params: { detail: path === '' ? detail : `${path}: ${detail}` },
    });
  }
}

/** Whether this value could stand in an NVS integer of that type. */
export function fitsNvsInteger(type: string, value: bigint): boolean {
  if (!isNvsInteger(type)) return false;
  const { bits, signed } = NVS_INTEGERS[type];
  return (signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value)) === value;
}

function headerOf(namespace: number, type: number, span: number, chunk: number, key: string): Uint8Array {
  const header = new Uint8Array(NVS_ENTRY).fill(0xff);
  header.set([namespace, type, span, chunk]);
  header.fill(0, 8, 24);
  header.set(new TextEncoder().encode(key), 8);
  return header;
}

function dataHeader(header: Uint8Array, data: Uint8Array): Uint8Array {
  new DataView(header.buffer).setUint16(24, data.length, true);
  writeU32(header, 28, nvsCrc(data));
  return header;
}
