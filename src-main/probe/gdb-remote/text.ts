import { toHex } from '#shared/base/bytes.ts';

/** Requests and most replies are ASCII. */
export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0) & 0xff);
}

export function text(payload: Uint8Array): string {
  return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('latin1');
}

/** Text as hex digits, the way qRcmd carries it. */
export function hexOfText(value: string): string {
  return toHex(ascii(value));
}

const DIGITS = ascii('0123456789abcdef');
const BAD = 0xff;
const NIBBLE = Uint8Array.from({ length: 256 }, (_, code) => {
  const value = '0123456789abcdef'.indexOf(String.fromCharCode(code).toLowerCase());
  return value < 0 ? BAD : value;
});

/** Writes the hex digits of `bytes` into `out` from `at`. */
export function putHex(out: Uint8Array, at: number, bytes: Uint8Array): void {
  let to = at;
  for (const byte of bytes) {
    out[to++] = DIGITS[byte >> 4] ?? 0;
    out[to++] = DIGITS[byte & 0xf] ?? 0;
  }
}

/** Decodes hex digits into `out` from `at`; the bytes written, or undefined when it is not whole hex bytes that fit. */
export function takeHex(digits: Uint8Array, out: Uint8Array, at: number): number | undefined {
  const count = digits.length >> 1;
  if (digits.length % 2 !== 0 || at + count > out.length) return undefined;
  let seen = 0;
  for (let i = 0; i < count; i++) {
    const high = NIBBLE[digits[i * 2] ?? 0] ?? BAD;
    const low = NIBBLE[digits[i * 2 + 1] ?? 0] ?? BAD;
    seen |= high | low;
    out[at + i] = (high << 4) | low;
  }
  return seen > 0xf ? undefined : count;
}
