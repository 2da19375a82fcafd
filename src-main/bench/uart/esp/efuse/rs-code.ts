/**
 * The code of eFuse blocks from 1 on, RS(44, 32) over GF(256) with the polynomial 0x11D, the roots 1, 2, ... 2^11 (TRMs, eFuse
 * Controller, Reed-Solomon coding scheme): 12 bytes behind 32, up to six spoiled ones are put right.
 */
export const DATA = 32;
export const CODE = 44;
const CHECKS = CODE - DATA;

const EXP: number[] = [];
const LOG: number[] = [];
for (let power = 0, value = 1; power < 255; power++) {
  EXP[power] = value;
  LOG[value] = power;
  value = value >= 0x80 ? ((value << 1) ^ 0x11d) & 0xff : value << 1;
}

const exp = (power: number) => EXP[((power % 255) + 255) % 255] ?? 0;
const log = (value: number) => LOG[value] ?? 0;
const times = (a: number, b: number) => (a === 0 || b === 0 ? 0 : exp(log(a) + log(b)));
const over = (a: number, b: number) => (a === 0 ? 0 : exp(log(a) - log(b)));
/** A polynomial's value; its lowest coefficient first. */
const at = (poly: readonly number[], x: number) => poly.reduceRight((sum, part) => times(sum, x) ^ part, 0);

export interface Decoded {
  readonly data: Uint8Array;
  /** Bytes put right. */
  readonly corrected: number;
  /** More were wrong than the code puts right: the data is as it was read. */
  readonly failed: boolean;
}

export function decode(code: Uint8Array): Decoded {
  const word = code.slice(0, CODE);
  const raw = { data: word.slice(0, DATA), corrected: 0 };
  const syndromes = syndromesOf(word);
  if (syndromes.every((value) => value === 0)) return { ...raw, failed: false };
  const locator = locatorOf(syndromes);
  const count = locator.length - 1;
  const places = Array.from({ length: CODE }, (_, index) => index).filter(
    (index) => at(locator, exp(-(CODE - 1 - index))) === 0,
  );
  if (count > CHECKS / 2 || places.length !== count) return { ...raw, failed: true };
  // Forney: the size of each error, the roots counting from 2^0.
  const evaluator = Array.from({ length: CHECKS }, (_, n) =>
    locator.reduce((sum, part, index) => (index <= n ? sum ^ times(part, syndromes[n - index] ?? 0) : sum), 0),
  );
  for (const index of places) {
    const power = CODE - 1 - index;
    const inverse = exp(-power);
    const slope = locator.reduce((sum, part, n) => (n % 2 === 1 ? sum ^ times(part, exp(-power * (n - 1))) : sum), 0);
    if (slope === 0) return { ...raw, failed: true };
    word[index] = (word[index] ?? 0) ^ times(exp(power), over(at(evaluator, inverse), slope));
  }
  if (syndromesOf(word).some((value) => value !== 0)) return { ...raw, failed: true };
  return { data: word.slice(0, DATA), corrected: count, failed: false };
}

/** What the code of the factory's own data is. */
export function encode(data: Uint8Array): Uint8Array {
  const word = new Uint8Array(CODE);
  word.set(data.subarray(0, DATA));
  let divisor = [1];
  for (let root = 0; root < CHECKS; root++) {
    const next = [...divisor, 0];
    divisor.forEach((part, index) => (next[index + 1] = (next[index + 1] ?? 0) ^ times(part, exp(root))));
    divisor = next;
  }
  const rest = word.slice();
  for (let index = 0; index < DATA; index++) {
    const lead = rest[index] ?? 0;
    divisor.forEach((part, offset) => (rest[index + offset] = (rest[index + offset] ?? 0) ^ times(part, lead)));
  }
  word.set(rest.subarray(DATA), DATA);
  return word;
}

function syndromesOf(word: Uint8Array): number[] {
  const poly = [...word].toReversed();
  return Array.from({ length: CHECKS }, (_, root) => at(poly, exp(root)));
}

/** Berlekamp and Massey: the shortest polynomial that explains the syndromes, its lowest coefficient first. */
function locatorOf(syndromes: readonly number[]): number[] {
  let current = [1];
  let previous = [1];
  let length = 0;
  let shift = 1;
  let before = 1;
  syndromes.forEach((syndrome, n) => {
    let gap = syndrome;
    for (let index = 1; index <= length; index++) gap ^= times(current[index] ?? 0, syndromes[n - index] ?? 0);
    if (gap === 0) {
      shift++;
      return;
    }
    const kept = current;
    const scale = over(gap, before);
    const next = [...current];
    previous.forEach((part, index) => (next[index + shift] = (next[index + shift] ?? 0) ^ times(part, scale)));
    current = Array.from(next, (part) => part ?? 0);
    if (2 * length > n) shift++;
    else {
      length = n + 1 - length;
      previous = kept;
      before = gap;
      shift = 1;
    }
  });
  return current.slice(0, length + 1);
}
