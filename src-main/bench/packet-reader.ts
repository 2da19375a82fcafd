/** The bytes of a command in order, little endian. Running out of them throws: the command is malformed. */
export class PacketReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get at(): number {
    return this.#at;
  }

  u8(): number {
    return this.bytes(1)[0] ?? 0;
  }

  u16(): number {
    return this.u8() | (this.u8() << 8);
  }

  u32(): number {
    return (this.u16() | (this.u16() << 16)) >>> 0;
  }

  bytes(count: number): Uint8Array {
    if (this.#at + count > this.#bytes.length) throw new TruncatedPacket();
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }
}

/** Answered with a status; never leaves the simulated probe. */
export class TruncatedPacket extends Error {}

/** A response as it is put together; `room` is what still fits. */
export class PacketWriter {
  readonly #bytes: number[] = [];
  readonly #size: number;

  constructor(size: number, ...start: number[]) {
    this.#size = size;
    this.#bytes.push(...start);
  }

  get room(): number {
    return this.#size - this.#bytes.length;
  }

  u8(value: number): void {
    this.#bytes.push(value & 0xff);
  }

  u16(value: number): void {
    this.#bytes.push(value & 0xff, (value >>> 8) & 0xff);
  }

  u32(value: number): void {
    this.u16(value & 0xffff);
    this.u16(value >>> 16);
  }

  bytes(values: Iterable<number>): void {
    for (const value of values) this.u8(value);
  }

  set(at: number, value: number): void {
    this.#bytes[at] = value & 0xff;
  }

  finish(): Uint8Array {
    return Uint8Array.from(this.#bytes.slice(0, this.#size));
  }
}
