import type { EepromInterface } from '#shared/model/interfaces/i2c.ts';

/** Where a byte of the memory is on the bus. */
export interface WordAddress {
  /** The device address, block-select bits in it. */
  readonly device: number;
  /** What follows it, most significant byte first. */
  readonly bytes: Uint8Array;
}

/** A stretch of the memory that one transfer may touch. */
export interface Part {
  readonly address: number;
  readonly length: number;
}

/** Bytes that the word address alone can tell apart: what lies beyond has another device address. */
export function blockBytes({ addressBytes }: EepromInterface): number {
  return 256 ** addressBytes;
}

/** All that can be addressed. */
export function reachOf(eeprom: EepromInterface): number {
  return blockBytes(eeprom) * 2 ** eeprom.blockBits;
}

export function wordAddress(eeprom: EepromInterface, address: number): WordAddress {
  const { addressBytes, address: device } = eeprom;
  const within = address % blockBytes(eeprom);
  const bytes = addressBytes === 1 ? [within] : [within >> 8, within & 0xff];
  return { device: device + Math.floor(address / blockBytes(eeprom)), bytes: Uint8Array.from(bytes) };
}

/** [address, address + length) in order, split at every multiple of `border` and after `most` bytes. */
export function* parts(address: number, length: number, border: number, most = border): Generator<Part> {
  const end = address + length;
  for (let at = address; at < end;) {
    const upTo = Math.min(end, at - (at % border) + border, at + most);
    yield { address: at, length: upTo - at };
    at = upTo;
  }
}
