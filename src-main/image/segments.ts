import { hexAddress } from '#shared/base/bytes.ts';
import { FlashlineError, type Where } from '#shared/model/failure.ts';
import type { Segment } from './image.ts';

/** 32-bit addresses end here. */
export const ADDRESS_SPACE = 2 ** 32;

/** How a reader points into its file: text by line (from 1), binary by offset (from 0). */
export type Pointer = 'line' | 'offset';

export function whereIn(file: string, pointer: Pointer, at: number): Where {
  return pointer === 'line' ? { file, line: at } : { file, offset: at };
}

/**
 * Gathers a file's records, in any order, into segments: sorted, merged where they touch. Holds one copy of the bytes
 * and a few numbers a record, so that 100,000 short records stay cheap.
 */
export class SegmentCollector {
  readonly #file: string;
  readonly #pointer: Pointer;
  readonly #data: Uint8Array;
  readonly #addresses: number[] = [];
  readonly #ends: number[] = [];
  readonly #offsets: number[] = [];
  readonly #places: number[] = [];
  #used = 0;

  /** `capacity`: at least the sum of all the records' bytes. */
  constructor(file: string, pointer: Pointer, capacity: number) {
    this.#file = file;
    this.#pointer = pointer;
    this.#data = new Uint8Array(capacity);
  }

  /** Adds source[from, to). `at`: the record's line or offset, for the message should it overlap another. Copies. */
  add(address: number, source: Uint8Array, from: number, to: number, at: number): void {
    if (from >= to) return;
    this.#addresses.push(address);
    this.#ends.push(address + to - from);
    this.#offsets.push(this.#used);
    this.#places.push(at);
    // A loop: for the few bytes of a text record it is faster than a subarray.
    if (to - from <= 256) for (let i = from; i < to; i++) this.#data[this.#used + i - from] = source[i] ?? 0;
    else this.#data.set(source.subarray(from, to), this.#used);
    this.#used += to - from;
  }

  /** Throws `image-overlap` where two records name one address, whether or not they agree. */
  segments(): Segment[] {
    const order = this.#sortedOrder();
    const segments: Segment[] = [];
    let first = 0;
    for (let i = 1; i <= order.length; i++) {
      if (i < order.length) {
        const end = this.#end(order, i - 1);
        if (this.#address(order, i) < end) this.#refuseOverlap(order, i);
        if (this.#address(order, i) === end) continue;
      }
      segments.push(this.#merged(order.subarray(first, i)));
      first = i;
    }
    return segments;
  }

  /** Files are sorted as a rule: then this is one look at each record. */
  #sortedOrder(): Uint32Array {
    const order = Uint32Array.from(this.#addresses.keys());
    const address = (index: number) => this.#addresses[index] ?? 0;
    const sorted = order.every((index) => index === 0 || address(index - 1) <= address(index));
    return sorted ? order : order.sort((a, b) => address(a) - address(b) || a - b);
  }

  /** Records that follow each other in file and address lie together in `#data`: each such span is one copy. */
  #merged(order: Uint32Array): Segment {
    const address = this.#address(order, 0);
    const data = new Uint8Array(this.#end(order, order.length - 1) - address);
    let first = 0;
    for (let i = 1; i <= order.length; i++) {
      if (i < order.length && order[i] === (order[i - 1] ?? 0) + 1) continue;
      const start = this.#address(order, first);
      const offset = this.#offsets[order[first] ?? 0] ?? 0;
      data.set(this.#data.subarray(offset, offset + this.#end(order, i - 1) - start), start - address);
      first = i;
    }
    return { address, data };
  }

  #refuseOverlap(order: Uint32Array, i: number): never {
    const [a = 0, b = 0] = [order[i - 1], order[i]];
    const [placeA = 0, placeB = 0] = [this.#places[a], this.#places[b]];
    const address = this.#address(order, i);
    throw new FlashlineError('image-overlap', {
      where: { ...whereIn(this.#file, this.#pointer, Math.max(placeA, placeB)), address },
      params: { address: hexAddress(address) },
      cause: `the address was already given at ${this.#pointer} ${Math.min(placeA, placeB)}`,
    });
  }

  #address(order: Uint32Array, i: number): number {
    return this.#addresses[order[i] ?? 0] ?? 0;
  }

  #end(order: Uint32Array, i: number): number {
    return this.#ends[order[i] ?? 0] ?? 0;
  }
}
