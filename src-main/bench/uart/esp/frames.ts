import { concat, wordsToBytes } from '#shared/base/bytes.ts';

/** A loader's side of SLIP (esptool documentation, Serial Protocol, Low Level Protocol). */
export function framed(payload: Uint8Array): number[] {
  const out = [0xc0];
  for (const byte of payload) {
    if (byte === 0xc0) out.push(0xdb, 0xdc);
    else if (byte === 0xdb) out.push(0xdb, 0xdd);
    else out.push(byte);
  }
  out.push(0xc0);
  return out;
}

/** Receives a byte at a time into a buffer of so many: what does not fit, or is no SLIP, spoils the frame. */
export class FrameBuffer {
  readonly #room: number;
  #bytes: number[] | undefined;
  #escaped = false;
  startedAt = 0;

  constructor(room: number) {
    this.#room = room;
  }

  clear(): void {
    this.#bytes = undefined;
    this.#escaped = false;
  }

  take(byte: number, at: number): Uint8Array | undefined {
    if (this.#bytes === undefined) {
      if (byte === 0xc0) this.#bytes = [];
      this.startedAt = at;
      return undefined;
    }
    if (byte === 0xc0) {
      if (this.#bytes.length === 0) return undefined;
      const frame = this.#escaped ? undefined : Uint8Array.from(this.#bytes);
      this.clear();
      return frame;
    }
    if (this.#escaped && byte !== 0xdc && byte !== 0xdd) this.clear();
    else if (byte === 0xdb) this.#escaped = true;
    else {
      this.#bytes.push(this.#escaped ? (byte === 0xdc ? 0xc0 : 0xdb) : byte);
      this.#escaped = false;
      if (this.#bytes.length > this.#room) this.clear();
    }
    return undefined;
  }
}

export interface Command {
  readonly op: number;
  readonly checksum: number;
  readonly data: Uint8Array;
}

/** Undefined where the length is not that of what follows, or it is no request. */
export function commandOf(frame: Uint8Array): Command | undefined {
  if (frame.length < 8 || frame[0] !== 0) return undefined;
  if (((frame[2] ?? 0) | ((frame[3] ?? 0) << 8)) !== frame.length - 8) return undefined;
  const view = new DataView(frame.buffer, frame.byteOffset);
  return { op: frame[1] ?? 0, checksum: view.getUint32(4, true), data: frame.subarray(8) };
}

/** `status`: the bytes as they stand at the end. */
export function response(op: number, value: number, data: Uint8Array, status: readonly number[]): Uint8Array {
  const length = data.length + status.length;
  const head = Uint8Array.of(1, op, length & 0xff, length >> 8);
  return concat([head, wordsToBytes([value]), data, Uint8Array.from(status)]);
}

export function checksumOf(block: Uint8Array): number {
  return block.reduce((sum, byte) => sum ^ byte, 0xef);
}
