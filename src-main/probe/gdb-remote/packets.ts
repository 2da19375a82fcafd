/**
 * The packet layer of the GDB remote serial protocol, as bytes in and bytes out: GDB manual, appendix E.1
 * "Overview" and E.10 "Notification Packets". `$payload#cc`, cc = sum of the payload's bytes modulo 256 as two
 * hex digits; `}` escapes (next byte XOR 0x20); `*` repeats the byte before it (count = character - 29).
 */

const DOLLAR = 0x24;
const HASH = 0x23;
const PERCENT = 0x25;
const PLUS = 0x2b;
const MINUS = 0x2d;
const STAR = 0x2a;
const ESCAPE = 0x7d;
const NEEDS_ESCAPE = [DOLLAR, HASH, ESCAPE, STAR];

export const ACK = Uint8Array.of(PLUS);
export const NAK = Uint8Array.of(MINUS);
/** Ctrl-C outside a packet: stop the core. */
export const INTERRUPT = Uint8Array.of(0x03);

export type Incoming =
  | { readonly kind: 'ack' }
  | { readonly kind: 'nak' }
  /** `payload` with escapes and run lengths undone. */
  | { readonly kind: 'packet'; readonly payload: Uint8Array }
  | { readonly kind: 'notification'; readonly payload: Uint8Array }
  | { readonly kind: 'damaged'; readonly reason: string }
  /** Bytes between packets that mean nothing: line noise, or no gdb server at all. */
  | { readonly kind: 'noise'; readonly length: number };

/** Bytes that go as two inside a packet. */
export function needsEscape(byte: number): boolean {
  return byte === DOLLAR || byte === HASH || byte === ESCAPE || byte === STAR;
}

/** Frames a payload; `*` is escaped too, for stubs that take it for a run length in requests as well. */
export function framePacket(payload: Uint8Array): Uint8Array {
  const body = NEEDS_ESCAPE.some((byte) => payload.includes(byte)) ? escaped(payload) : payload;
  const out = new Uint8Array(body.length + 4);
  out[0] = DOLLAR;
  out.set(body, 1);
  const sum = checksum(body);
  out[body.length + 1] = HASH;
  out[body.length + 2] = hexDigit(sum >> 4);
  out[body.length + 3] = hexDigit(sum);
  return out;
}

function escaped(payload: Uint8Array): Uint8Array {
  const out: number[] = [];
  for (const byte of payload) {
    if (needsEscape(byte)) out.push(ESCAPE, byte ^ 0x20);
    else out.push(byte);
  }
  return Uint8Array.from(out);
}

/**
 * The sum of all bytes modulo 256. Four at a time, as two sums of 16 bits each: every byte of an image passes here
 * twice, and a plain loop is what would make us slower than the wire while the code is still cold.
 */
function checksum(bytes: Uint8Array): number {
  const words = bytes.length >> 2;
  // A copy, for the alignment that a view of words needs.
  const view = new Uint32Array(words);
  new Uint8Array(view.buffer).set(bytes.subarray(0, words * 4));
  let total = 0;
  // 128 words: no half can carry into the other.
  for (let from = 0; from < words; from += 128) {
    let even = 0;
    let odd = 0;
    for (let i = from, end = Math.min(words, from + 128); i < end; i++) {
      const word = view[i] ?? 0;
      even += word & 0x00ff_00ff;
      odd += (word >>> 8) & 0x00ff_00ff;
    }
    total += (even & 0xffff) + (even >>> 16) + (odd & 0xffff) + (odd >>> 16);
  }
  for (let i = words * 4; i < bytes.length; i++) total += bytes[i] ?? 0;
  return total & 0xff;
}

function hexDigit(value: number): number {
  const nibble = value & 0xf;
  return nibble < 10 ? 0x30 + nibble : 0x57 + nibble;
}

/**
 * Bytes of a stream to packets. Bounded: a packet whose raw or expanded size passes `limit` bytes is damaged, and
 * what follows up to the next `$` is noise.
 */
export class PacketParser {
  readonly #limit: number;
  #pending: Uint8Array = new Uint8Array(0);
  /** How much of `#pending`, an unfinished packet, was searched for its end: no byte is looked at twice. */
  #searched = 0;

  constructor(limit = 1 << 17) {
    this.#limit = limit;
  }

  feed(bytes: Uint8Array): Incoming[] {
    const data = this.#pending.length === 0 ? bytes : joined(this.#pending, bytes);
    const out: Incoming[] = [];
    let at = 0;
    while (at < data.length) {
      const next = this.#one(data, at, out);
      if (next === undefined) break;
      at = next;
    }
    this.#pending = data.subarray(at);
    return out;
  }

  /** One item from `data[at]`; its end, or undefined while it is incomplete. */
  #one(data: Uint8Array, at: number, out: Incoming[]): number | undefined {
    const first = data[at];
    if (first === PLUS || first === MINUS) {
      out.push({ kind: first === PLUS ? 'ack' : 'nak' });
      return at + 1;
    }
    if (first === DOLLAR || first === PERCENT) return this.#packet(data, at, out);
    let end = at + 1;
    while (end < data.length && !isStart(data[end])) end++;
    out.push({ kind: 'noise', length: end - at });
    return end;
  }

  #packet(data: Uint8Array, at: number, out: Incoming[]): number | undefined {
    // `#` never occurs inside a payload: it is always escaped.
    const hash = data.indexOf(HASH, Math.max(at + 1, at + this.#searched));
    if (hash < 0 || hash + 2 >= data.length) {
      if (data.length - at > this.#limit) return this.#overlong(data.length, out);
      this.#searched = (hash < 0 ? data.length : hash) - at;
      return undefined;
    }
    this.#searched = 0;
    if (hash - at > this.#limit) return this.#overlong(hash + 3, out);
    const raw = data.subarray(at + 1, hash);
    out.push(this.#decode(raw, data[at] === PERCENT ? 'notification' : 'packet', data[hash + 1], data[hash + 2]));
    return hash + 3;
  }

  #overlong(end: number, out: Incoming[]): number {
    this.#searched = 0;
    out.push({ kind: 'damaged', reason: `a packet of more than ${this.#limit} bytes` });
    return end;
  }

  #decode(raw: Uint8Array, kind: 'packet' | 'notification', high?: number, low?: number): Incoming {
    if (checksum(raw) !== hexValue(high) * 16 + hexValue(low)) return { kind: 'damaged', reason: 'a wrong checksum' };
    if (!raw.includes(ESCAPE) && !raw.includes(STAR)) return { kind, payload: raw };
    const payload = expand(raw, this.#limit);
    return typeof payload === 'string' ? { kind: 'damaged', reason: payload } : { kind, payload };
  }
}

/** Undoes escapes and run lengths; a string says what is wrong. */
function expand(raw: Uint8Array, limit: number): Uint8Array | string {
  const out: number[] = [];
  for (let at = 0; at < raw.length; at++) {
    const byte = raw[at] ?? 0;
    if (byte === ESCAPE) {
      const escaped = raw[++at];
      if (escaped === undefined) return 'an escape at the end of a packet';
      out.push(escaped ^ 0x20);
    } else if (byte === STAR) {
      const repeat = (raw[++at] ?? 0) - 29;
      const last = out.at(-1);
      // Only printable counts occur: 3 to 97 repetitions.
      if (last === undefined || repeat < 3 || repeat > 97) return 'a run length that repeats nothing';
      for (let i = 0; i < repeat; i++) out.push(last);
    } else {
      out.push(byte);
    }
    if (out.length > limit) return `a packet that expands to more than ${limit} bytes`;
  }
  return Uint8Array.from(out);
}

function isStart(byte: number | undefined): boolean {
  return byte === DOLLAR || byte === PERCENT || byte === PLUS || byte === MINUS;
}

/** NaN where it is no hex digit: compares unequal to every sum. */
function hexValue(character: number | undefined): number {
  if (character === undefined) return Number.NaN;
  if (character >= 0x30 && character <= 0x39) return character - 0x30;
  const lower = character | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : Number.NaN;
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const out = new Uint8Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}
