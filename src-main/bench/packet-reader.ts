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
    const value = this.#bytes[this.#at];
    if (value === undefined) throw new TruncatedPacket();
    this.#at++;
    return value;
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

/** A response as it is put together; `room` is what still fits. What does not fit is dropped. */
export class PacketWriter {
  readonly #bytes: Uint8Array;
  #length = 0;

  constructor(size: number, ...start: number[]) {
    this.#bytes = new Uint8Array(size);
    this.bytes(start);
  }

  get room(): number {
    return Math.max(0, this.#bytes.length - this.#length);
  }

  u8(value: number): void {
    this.#bytes[this.#length++] = value;
  }

  u16(value: number): void {
    this.u8(value);
    this.u8(value >>> 8);
  }

  u32(value: number): void {
    this.u16(value);
    this.u16(value >>> 16);
  }

  bytes(values: Iterable<number>): void {
    for (const value of values) this.u8(value);
  }

  set(at: number, value: number): void {
    this.#bytes[at] = value;
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, Math.min(this.#length, this.#bytes.length));
  }
}
