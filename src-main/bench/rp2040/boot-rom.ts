import { done } from '../bus.ts';
import type { Slave } from '../chip-bus.ts';

/** Where the cores wait: for USB, and for the other core to wake this one. */
export const USB_BOOT = 0x100;
export const CORE1_WAIT = 0x108;
const STACK = 0x20042000;

/** WFI or WFE, and back to it. */
const WAIT_FOR_INTERRUPT = 0xe7fdbf30;
const WAIT_FOR_EVENT = 0xe7fdbf20;

const WORDS: ReadonlyMap<number, number> = new Map([
  [0x0, STACK],
  [0x4, USB_BOOT | 1],
  [0xc, USB_BOOT | 1],
  [USB_BOOT, WAIT_FOR_INTERRUPT],
  [CORE1_WAIT, WAIT_FOR_EVENT],
]);

/** A boot ROM of our own: it has the places where cores wait, and no functions for programs to call. */
export const BOOT_ROM: Slave = {
  start: 0,
  size: 0x4000,
  readWord: (address, at) => done(at, WORDS.get(address) ?? 0),
  write: (_address, _size, _value, at) => done(at),
  steadyUntil: () => Infinity,
};

/** Where the boot ROM puts the flash's first 256 bytes, and starts them (RP2040 data sheet, 2.8.1). */
export const BOOT2_AT = 0x20041f00;
export const BOOT2_SIZE = 256;

/** The last word is the CRC of the others: CRC-32/MPEG-2 (2.8.1.3.1). */
export function isBoot2(bytes: Uint8Array): boolean {
  const end = BOOT2_SIZE - 4;
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(end, true) === crc32mpeg2(bytes.subarray(0, end));
}

/** Polynomial 0x04C11DB7, highest bit first, from all ones, not inverted. */
export function crc32mpeg2(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  }
  return crc >>> 0;
}
