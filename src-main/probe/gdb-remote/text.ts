import { toHex } from '#shared/base/bytes.ts';

/** Requests and most replies are ASCII. */
export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0) & 0xff);
}

export function text(payload: Uint8Array): string {
  return bufferOf(payload).toString('latin1');
}

/** Text as hex digits, the way qRcmd carries it. */
export function hexOfText(value: string): string {
  return toHex(ascii(value));
}

/** Hex digits of `bytes` into `out` from `at`. Native code: this and `takeHex` carry every byte of an image. */
export function putHex(out: Uint8Array, at: number, bytes: Uint8Array): void {
  bufferOf(out).write(bufferOf(bytes).toString('hex'), at, 'latin1');
}

/** Decodes hex digits into `out` from `at`; the bytes written, or undefined when it is not whole hex bytes that fit. */
export function takeHex(digits: Uint8Array, out: Uint8Array, at: number): number | undefined {
  const count = digits.length >> 1;
  if (digits.length % 2 !== 0 || at + count > out.length) return undefined;
  // Stops at the first character that is no digit.
  const written = bufferOf(out).write(text(digits), at, count, 'hex');
  return written === count ? count : undefined;
}

/** The same memory as a Buffer. */
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
