/** Rows of bits in bytes: bit 0 of byte 0 is the first through TDI and out of TDO. Bits past the end are zero. */

export function allOnes(bits: number): Uint8Array {
  const out = new Uint8Array(Math.ceil(bits / 8)).fill(0xff);
  const beyond = bits % 8;
  if (beyond > 0) out[out.length - 1] = (1 << beyond) - 1;
  return out;
}

/** From hexadecimal digits, the most significant first; undefined when a bit past the end is set. Short ones get zeros. */
export function bitsFromDigits(digits: Uint8Array, bits: number): Uint8Array | undefined {
  const out = new Uint8Array(Math.ceil(bits / 8));
  for (let i = 0; i < digits.length; i++) {
    const digit = digits[digits.length - 1 - i] ?? 0;
    const room = bits - 4 * i;
    if (room < 4 && digit >> Math.max(0, room) !== 0) return undefined;
    if (room > 0) out[i >> 1] = (out[i >> 1] ?? 0) | (digit << (4 * (i & 1)));
  }
  return out;
}

/** Up to 24 bits from `at` on. */
function bitsAt(bytes: Uint8Array, at: number, count: number): number {
  const byte = at >> 3;
  const window = (bytes[byte] ?? 0) | ((bytes[byte + 1] ?? 0) << 8) | ((bytes[byte + 2] ?? 0) << 16);
  return (window >>> (at & 7)) & ((1 << count) - 1);
}

/** Puts `count` bits of `bits` into `out` from bit `at` on, where `out` holds zeros. */
export function putBits(out: Uint8Array, at: number, bits: Uint8Array, count: number): void {
  if (at % 8 === 0) {
    out.set(bits.subarray(0, Math.ceil(count / 8)), at / 8);
    return;
  }
  for (let done = 0; done < count; done += 8) {
    const value = bitsAt(bits, done, Math.min(8, count - done)) << (at & 7);
    const byte = (at + done) >> 3;
    out[byte] = (out[byte] ?? 0) | (value & 0xff);
    if (value > 0xff) out[byte + 1] = (out[byte + 1] ?? 0) | (value >> 8);
  }
}

/** The first bit that differs where the mask has a one; -1 if none does. */
export function firstMismatch(found: Uint8Array, expected: Uint8Array, mask: Uint8Array): number {
  for (let i = 0; i < mask.length; i++) {
    const wrong = ((found[i] ?? 0) ^ (expected[i] ?? 0)) & (mask[i] ?? 0);
    if (wrong !== 0) return 8 * i + (31 - Math.clz32(wrong & -wrong));
  }
  return -1;
}

/** Bits as SVF writes them: hexadecimal, the last bit leftmost. */
export function bitsToHex(bytes: Uint8Array, bits: number): string {
  let out = '';
  for (let digit = Math.ceil(bits / 4) - 1; digit >= 0; digit--) {
    out += (((bytes[digit >> 1] ?? 0) >> (4 * (digit & 1))) & 0xf).toString(16);
  }
  return out.toUpperCase();
}
