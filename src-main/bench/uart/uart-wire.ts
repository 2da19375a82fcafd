import type { SerialFormat } from '../../link/link.ts';

/** Bits of a byte on the wire: start, eight, parity if any, stop. */
export function bitsPerByte({ parity }: SerialFormat): number {
  return parity === 'none' ? 10 : 11;
}

/** Nanoseconds of one byte on the wire. */
export function byteNs(format: SerialFormat): number {
  return Math.round((bitsPerByte(format) * 1e9) / format.baudRate);
}

/** A UART samples the middle of the last bit: beyond this difference of clocks it reads another byte. */
const TOLERANCE = 0.04;

/** Whether one side understands what the other sends. */
export function understands(receiver: SerialFormat, sender: SerialFormat): boolean {
  const off = Math.abs(receiver.baudRate / sender.baudRate - 1);
  return off <= TOLERANCE && receiver.parity === sender.parity;
}

/** What a UART of another format makes of a byte: something else, the same each time. */
export function garbled(byte: number, receiver: SerialFormat, sender: SerialFormat): number {
  return (byte * 0x6d + (receiver.baudRate % 251) + (sender.baudRate % 13) + 0x80) & 0xff;
}

/**
 * One direction of a serial line: bytes leave one after another, none before the moment it was handed over. Times in
 * nanoseconds of the virtual clock.
 */
export class UartWire {
  readonly #bytes: { readonly byte: number; readonly format: SerialFormat; readonly endsAt: number }[] = [];
  #freeAt = 0;

  /** When the last byte will have left. */
  get freeAt(): number {
    return this.#freeAt;
  }

  get pending(): readonly { readonly byte: number; readonly format: SerialFormat; readonly endsAt: number }[] {
    return this.#bytes;
  }

  /** Resolves when the last of them will have left. */
  send(bytes: Iterable<number>, at: number, format: SerialFormat): number {
    const each = byteNs(format);
    for (const byte of bytes) {
      this.#freeAt = Math.max(this.#freeAt, at) + each;
      this.#bytes.push({ byte, format, endsAt: this.#freeAt });
    }
    return this.#freeAt;
  }

  /** Takes what has arrived by then. */
  take(until: number): readonly { readonly byte: number; readonly format: SerialFormat; readonly endsAt: number }[] {
    const count = this.#bytes.findIndex(({ endsAt }) => endsAt > until);
    return this.#bytes.splice(0, count === -1 ? this.#bytes.length : count);
  }

  /** The sender lost its power or was reset: what has not left by then never will. */
  silence(at: number): void {
    const count = this.#bytes.findIndex(({ endsAt }) => endsAt > at);
    if (count !== -1) this.#bytes.length = count;
    this.#freeAt = Math.min(this.#freeAt, at);
  }
}
