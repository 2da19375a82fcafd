/**
 * What an eFuse block's data is burnt with (TRMs, eFuse Controller). Reed-Solomon RS(44, 32): over GF(256) of the polynomial
 * 0x11D, the generator with the roots 1, 2, ... 2^11; the first byte is the highest coefficient.
 */
const DATA = 32;
const CHECKS = 12;
const POLYNOMIAL = 0x11d;

/** Coefficients of the generator with so many roots behind the leading one, the highest first. */
export function generator(roots: number): Uint8Array {
  let poly = Uint8Array.of(1);
  let root = 1;
  for (let count = 0; count < roots; count++) {
    const next = new Uint8Array(poly.length + 1);
    for (const [index, part] of poly.entries()) {
      next[index] = (next[index] ?? 0) ^ part;
      next[index + 1] = (next[index + 1] ?? 0) ^ product(part, root);
    }
    poly = next;
    root = product(root, 2);
  }
  return poly.subarray(1);
}

const GENERATOR = generator(CHECKS);

/** Bytes to stand behind `data`: what is left of it by division. */
export function checkBytes(data: Uint8Array, count: number): Uint8Array {
  const divisor = count === CHECKS ? GENERATOR : generator(count);
  const rest = new Uint8Array(count);
  for (const byte of data) {
    const lead = byte ^ (rest[0] ?? 0);
    rest.copyWithin(0, 1);
    rest[count - 1] = 0;
    for (const [index, part] of divisor.entries()) rest[index] = (rest[index] ?? 0) ^ product(part, lead);
  }
  return rest;
}

/** The 44 bytes of a block. */
export function reedSolomon(data: Uint8Array): Uint8Array {
  const out = new Uint8Array(DATA + CHECKS);
  out.set(data);
  out.set(checkBytes(out.subarray(0, DATA), CHECKS), DATA);
  return out;
}

function product(a: number, b: number): number {
  let sum = 0;
  for (let x = a, y = b; y !== 0; y >>= 1) {
    if ((y & 1) === 1) sum ^= x;
    x = x & 0x80 ? (x << 1) ^ POLYNOMIAL : x << 1;
  }
  return sum;
}

/** ESP32's schemes of blocks 1 to 3, by the value of CODING_SCHEME. */
export type Scheme = 'none' | '3/4' | 'repeat';
const SCHEMES: readonly Scheme[] = ['none', '3/4', 'repeat', 'none'];

export function schemeOf(value: number): Scheme {
  return SCHEMES[value] ?? 'none';
}

/** How much data a block of 32 bytes takes. */
export const CAPACITY: Readonly<Record<Scheme, number>> = { none: 32, '3/4': 24, repeat: 16 };

/** As it is burnt; `data` fills the block's capacity. */
export function coded(scheme: Scheme, data: Uint8Array): Uint8Array {
  const whole = new Uint8Array(CAPACITY[scheme]);
  whole.set(data.subarray(0, whole.length));
  if (scheme === 'none') return whole;
  const out = new Uint8Array(DATA);
  // Each half of the block holds the same.
  if (scheme === 'repeat') for (const at of [0, 16]) out.set(whole, at);
  else for (let part = 0; part < 4; part++) out.set(threeQuarters(whole.subarray(part * 6, part * 6 + 6)), part * 8);
  return out;
}

/** Six bytes, their exclusive or, and the sum of each one's place, from 1, times its ones. */
function threeQuarters(six: Uint8Array): Uint8Array {
  let sum = 0;
  for (const [index, byte] of six.entries()) {
    for (let rest = byte; rest !== 0; rest >>>= 1) sum += (rest & 1) * (index + 1);
  }
  const xor = six.reduce((all, byte) => all ^ byte, 0);
  return Uint8Array.of(...six, xor, sum & 0xff);
}

/** CRC-8 of a custom MAC address (polynomial 0x31 reflected, from 0), as ESP32 has it beside the address. */
export function macCrc(mac: Uint8Array): number {
  let crc = 0;
  for (const byte of mac) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x8c : crc >>> 1;
  }
  return crc;
}
