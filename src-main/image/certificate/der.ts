import { concat } from '#shared/base/bytes.ts';

/** One element of DER (X.690): its tag, its whole bytes, and where its content stands in them. */
export interface Der {
  readonly tag: number;
  readonly bytes: Uint8Array;
  readonly content: Uint8Array;
}

export const TAG = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8: 0x0c,
  printable: 0x13,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  /** Version, extensions; key identifier of the issuer. */
  context0: 0xa0,
  context3: 0xa3,
  keyIdentifier: 0x80,
} as const;

/** Lengths of more than two bytes are of no certificate. */
const MOST_LENGTH_BYTES = 2;

/** The first element. Throws RangeError where there is none, or it ends beyond the bytes. */
export function readDer(bytes: Uint8Array): Der {
  const [tag, first] = bytes;
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) throw new RangeError('no DER element');
  const more = first < 0x80 ? 0 : first & 0x7f;
  if (first === 0x80 || more > MOST_LENGTH_BYTES) throw new RangeError(`a DER length of ${more} bytes`);
  const head = 2 + more;
  const length = more === 0 ? first : bytes.subarray(2, head).reduce((value, byte) => value * 256 + byte, 0);
  if (bytes.length < head + length)
    throw new RangeError(`${head + length} bytes of DER, of which ${bytes.length} came`);
  return { tag, bytes: bytes.subarray(0, head + length), content: bytes.subarray(head, head + length) };
}

/** One that is nothing else. */
export function onlyDer(bytes: Uint8Array, tag: number): Der {
  const der = readDer(bytes);
  if (der.tag !== tag || der.bytes.length !== bytes.length) throw new RangeError(`DER tag ${der.tag}, not just ${tag}`);
  return der;
}

export function childrenOf({ content }: Pick<Der, 'content'>): Der[] {
  const children: Der[] = [];
  for (let at = 0; at < content.length;) {
    const child = readDer(content.subarray(at));
    children.push(child);
    at += child.bytes.length;
  }
  return children;
}

export function writeDer(tag: number, ...content: readonly Uint8Array[]): Uint8Array {
  const all = concat(content);
  const { length } = all;
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >>> 8, length & 0xff];
  return concat([Uint8Array.of(tag, ...head), all]);
}

/** An unsigned number, most significant byte first, in as few bytes as keep it positive. */
export function writeInteger(value: Uint8Array): Uint8Array {
  const first = value.findIndex((byte) => byte !== 0);
  const lean = first < 0 ? Uint8Array.of(0) : value.subarray(first);
  return writeDer(TAG.integer, (lean[0] ?? 0) >= 0x80 ? concat([Uint8Array.of(0), lean]) : lean);
}

/** The same read, in `size` bytes. Throws RangeError where it is larger, or negative. */
export function readInteger({ tag, content }: Der, size: number): Uint8Array {
  const lean = content[0] === 0 ? content.subarray(1) : content;
  const negative = content[0] !== undefined && content[0] >= 0x80;
  if (tag !== TAG.integer || content.length === 0 || negative || lean.length > size)
    throw new RangeError(`a DER integer of ${content.length} bytes`);
  const out = new Uint8Array(size);
  out.set(lean, size - lean.length);
  return out;
}
