import { readU32 } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { type ComponentId, decodeComponentId, ID_REGISTERS } from './component-id.ts';

/** Reads the space that a table stands in: memory behind an access port, or the access ports' own (ADIv6). */
export type ReadSpace = (address: number, length: number, io: IoContext) => Promise<Uint8Array>;

export interface Component {
  readonly address: number;
  /** Undefined where nothing answers: a component that is powered down, or an entry that leads nowhere. */
  readonly id: ComponentId | undefined;
  /** Of a ROM table: what it points to. */
  readonly entries: readonly Component[];
}

const PAGE = 0xffff_f000;
/** A table of class 1 may hold 960 entries of 32 bits; those of real chips end long before (ADIv5.2, D3.2). */
const CLASS_1_ENTRIES = 0xf00 / 4;
const CLASS_9_BYTES = 0x800;
const CHUNK_BYTES = 64;
/** Of tables in tables, and of components in all: what is more is damage or a loop. */
const MOST_DEPTH = 5;
const MOST_COMPONENTS = 128;

/**
 * The component at `address` and, when it is a ROM table, everything below it (ADIv5.2, D3; ADIv6.0, D2 and D3).
 * A component is read once, so a loop ends where it closes. Rejects only with what stands against reading at all
 * (`probe-lost`, an abort); what one component refuses leaves that one without an id.
 */
export async function readComponents(read: ReadSpace, address: number, io: IoContext): Promise<Component> {
  return new Walk(read, io).visit(address >>> 0, 0);
}

class Walk {
  readonly #read: ReadSpace;
  readonly #io: IoContext;
  readonly #seen = new Set<number>();

  constructor(read: ReadSpace, io: IoContext) {
    this.#read = read;
    this.#io = io;
  }

  async visit(address: number, depth: number): Promise<Component> {
    this.#seen.add(address);
    const bytes = await this.#tryRead(address + ID_REGISTERS.offset, ID_REGISTERS.size);
    const id = bytes && decodeComponentId(bytes);
    const entries: Component[] = [];
    if (id?.class === 'rom-table' && depth < MOST_DEPTH) {
      for (const entry of await this.#entries(address, id)) {
        if (this.#seen.has(entry) || this.#seen.size >= MOST_COMPONENTS) continue;
        entries.push(await this.visit(entry, depth + 1));
      }
    }
    return { address, id, entries };
  }

  /** Addresses of the entries that are present, up to the table's end. */
  async #entries(table: number, id: ComponentId): Promise<number[]> {
    const classNine = id.architecture !== undefined;
    const size = classNine && id.format === 1 ? 8 : 4;
    const length = classNine ? CLASS_9_BYTES : CLASS_1_ENTRIES * size;
    const found: number[] = [];
    for (let at = 0; at < length; at += CHUNK_BYTES) {
      const bytes = await this.#tryRead(table + at, CHUNK_BYTES);
      if (!bytes) return found;
      for (let offset = 0; offset < bytes.length; offset += size) {
        const entry = readU32(bytes, offset);
        // Class 1 ends with a word of zeros; class 9 with PRESENT 0, where 2 is an entry left out.
        if (classNine ? (entry & 3) === 0 : entry === 0) return found;
        if (entry & 1) found.push((table + (entry & PAGE)) >>> 0);
      }
    }
    return found;
  }

  async #tryRead(address: number, length: number): Promise<Uint8Array | undefined> {
    try {
      return await this.#read(address >>> 0, length, this.#io);
    } catch (error) {
      const refused = error instanceof FlashlineError && ['target-fault', 'target-stuck'].includes(error.failure.code);
      if (refused) return undefined;
      throw error;
    }
  }
}
