/** GDB remote protocol framing ("Overview", "Binary Data" in the GDB manual's appendix E). */

const DOLLAR = 0x24;
const HASH = 0x23;
const ESCAPE = 0x7d;
const STAR = 0x2a;

export type Frame =
  | { readonly kind: 'packet'; readonly body: Uint8Array }
  /** The checksum did not fit; the sender wants a `-`. */
  | { readonly kind: 'damaged' }
  | { readonly kind: 'resend' | 'interrupt' };

/** More than any packet we announce; a sender that goes beyond it talks nonsense. */
const LONGEST = 0x10000;

/** Cuts a byte stream into packets, whatever pieces it comes in; noise between packets is skipped. */
export class GdbFramer {
  #body: number[] | undefined;
  #checksum: number[] | undefined;

  push(chunk: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    for (const byte of chunk) {
      const frame = this.#byte(byte);
      if (frame) frames.push(frame);
    }
    return frames;
  }

  #byte(byte: number): Frame | undefined {
    if (this.#checksum) return this.#checksumByte(this.#checksum, byte);
    if (!this.#body) {
      if (byte === DOLLAR) this.#body = [];
      if (byte === 0x2d) return { kind: 'resend' };
      return byte === 3 ? { kind: 'interrupt' } : undefined;
    }
    if (byte === DOLLAR) this.#body = [];
    else if (byte === HASH) this.#checksum = [];
    else this.#body.push(byte);
    if (this.#body.length <= LONGEST) return undefined;
    this.#body = undefined;
    return { kind: 'damaged' };
  }

  #checksumByte(checksum: number[], byte: number): Frame | undefined {
    checksum.push(byte);
    if (checksum.length < 2) return undefined;
    const body = Uint8Array.from(this.#body ?? []);
    this.#body = undefined;
    this.#checksum = undefined;
    const given = Number.parseInt(String.fromCharCode(...checksum), 16);
    return given === sum(body) ? { kind: 'packet', body } : { kind: 'damaged' };
  }
}

/** `$body#checksum`; the body is escaped where it has to be. */
export function frame(body: Uint8Array): Uint8Array {
  const escaped: number[] = [];
  for (const byte of body) {
    if (byte === DOLLAR || byte === HASH || byte === ESCAPE || byte === STAR) escaped.push(ESCAPE, byte ^ 0x20);
    else escaped.push(byte);
  }
  const checksum = sum(Uint8Array.from(escaped)).toString(16).padStart(2, '0');
  return Uint8Array.from([DOLLAR, ...escaped, HASH, checksum.charCodeAt(0), checksum.charCodeAt(1)]);
}

export function unescape(bytes: Uint8Array): Uint8Array {
  const out: number[] = [];
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] ?? 0;
    if (byte === ESCAPE) out.push((bytes[++i] ?? 0) ^ 0x20);
    else out.push(byte);
  }
  return Uint8Array.from(out);
}

function sum(bytes: Uint8Array): number {
  return bytes.reduce((total, byte) => (total + byte) & 0xff, 0);
}
