import { createHash } from 'node:crypto';
import type { Prng } from '#main/bench/prng.ts';

/** A unit's non-volatile cells, as much of them as its release could ever touch, in spans of addresses (or blocks of eFuses). */
export interface Span {
  readonly start: number;
  readonly bytes: Uint8Array;
}

/** What outlives the power. */
export class Cells {
  readonly spans: readonly Span[];

  constructor(spans: readonly Span[]) {
    this.spans = spans;
  }

  /** So many bytes from each start, all with the same value. */
  static filled(value: number, ...spans: readonly (readonly [start: number, size: number])[]): Cells {
    return new Cells(spans.map(([start, size]) => ({ start, bytes: new Uint8Array(size).fill(value) })));
  }

  clone(): Cells {
    return new Cells(this.spans.map(({ start, bytes }) => ({ start, bytes: bytes.slice() })));
  }

  /** The same for the same cells. */
  key(): string {
    const hash = createHash('sha1');
    for (const { bytes } of this.spans) hash.update(bytes);
    return hash.digest('base64');
  }

  /** Erased beyond what is kept of it. */
  read(address: number, size: number): Uint8Array {
    const span = this.#holding(address);
    const out = span?.bytes.subarray(address - span.start, address - span.start + size) ?? new Uint8Array();
    if (out.length === size) return out.slice();
    const padded = new Uint8Array(size).fill(0xff);
    padded.set(out);
    return padded;
  }

  write(address: number, bytes: Uint8Array): void {
    const span = this.#holding(address);
    if (!span || address + bytes.length > span.start + span.bytes.length)
      throw new RangeError(`nobody keeps cells at ${address}`);
    span.bytes.set(bytes, address - span.start);
  }

  #holding(address: number): Span | undefined {
    return this.spans.find(({ start, bytes }) => address >= start && address < start + bytes.length);
  }
}

/** One change of cells, as the flash controller does it at once. */
export interface CellChange {
  readonly address: number;
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

/** What stands there when the power fails in the middle: of the bits that change, each has changed or not. */
export function torn({ before, after }: CellChange, prng: Prng): Uint8Array {
  return after.map((byte, at) => {
    const came = prng.next() >>> 24;
    return (byte & came) | ((before[at] ?? 0) & ~came);
  });
}
