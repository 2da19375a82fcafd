/** AN3155: the bytes of the USART protocol. Only bytes are made here; multi-byte values go most significant byte first. */

export const ACK = 0x79;
export const NACK = 0x1f;
/** AN3155, no-stretch commands: still at it. */
export const BUSY = 0x76;
/** The rate is measured on this byte: a start bit, seven ones, a zero. */
export const INIT = 0x7f;

export const COMMAND = {
  get: 0x00,
  getVersion: 0x01,
  getId: 0x02,
  read: 0x11,
  go: 0x21,
  write: 0x31,
  erase: 0x43,
  extendedErase: 0x44,
  writeProtect: 0x63,
  writeUnprotect: 0x73,
  readoutProtect: 0x82,
  readoutUnprotect: 0x92,
} as const;
export type CommandName = keyof typeof COMMAND;

/** The most that one READ or WRITE carries: its length byte says one less. */
export const MOST_DATA = 256;
/** The most pages that one ERASE carries (its number of pages is a byte, and 0xFF means everything). */
export const MOST_PAGES = 255;

function xor(bytes: Iterable<number>): number {
  let sum = 0;
  for (const byte of bytes) sum ^= byte;
  return sum;
}

/** Followed by the exclusive or of all. */
function checked(bytes: readonly number[]): Uint8Array {
  return Uint8Array.from([...bytes, xor(bytes)]);
}

/** A command and its complement. */
export function commandFrame(code: number): Uint8Array {
  return Uint8Array.of(code, ~code & 0xff);
}

export function addressFrame(address: number): Uint8Array {
  return checked([24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff));
}

/** Of READ: one less than the number of bytes, and its complement. */
export function lengthFrame(length: number): Uint8Array {
  return commandFrame(length - 1);
}

/** Of WRITE: one less than the number of bytes, the bytes, the exclusive or of both. */
export function dataFrame(data: Uint8Array): Uint8Array {
  return checked([data.length - 1, ...data]);
}

/** Of ERASE: one less than the number of pages, then a byte each. */
export function eraseFrame(pages: readonly number[]): Uint8Array {
  return checked([pages.length - 1, ...pages]);
}

/** Of EXTENDED ERASE: the same in two bytes each. */
export function extendedEraseFrame(pages: readonly number[]): Uint8Array {
  return checked([pages.length - 1, ...pages].flatMap((value) => [value >>> 8, value & 0xff]));
}

/** Of ERASE: everything. */
export function eraseAllFrame(): Uint8Array {
  return Uint8Array.of(0xff, 0x00);
}

/** Of EXTENDED ERASE: everything, or one of two banks. */
export function massEraseFrame(what: 'all' | 'bank-1' | 'bank-2'): Uint8Array {
  const code = { all: 0xffff, 'bank-1': 0xfffe, 'bank-2': 0xfffd }[what];
  return checked([code >>> 8, code & 0xff]);
}

/** Of WRITE PROTECT: one less than the number of sectors, then a byte each. */
export const sectorsFrame = eraseFrame;
