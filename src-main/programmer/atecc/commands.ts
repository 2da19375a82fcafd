import type { Command } from './packets.ts';

/**
 * The commands as bytes (ATECC508A DS20005927A, 9; ATECC608 DS40001977). Longest times are what Microchip's own library
 * waits for an ATECC608 at its slowest clock divider.
 */
const NO_DATA = new Uint8Array();

/** Param1 bits 0-1 of Read and Write. */
const ZONE = { config: 0, otp: 1, data: 2 } as const;
export type Zone = keyof typeof ZONE;
/** Param1 bit 7 of Read and Write: 32 bytes, not 4. */
const WHOLE_BLOCK = 0x80;

/** Where a block or a word lies, as param2 says it: `offset` in bytes, a multiple of 4, of 32 for a block. */
export interface Place {
  readonly zone: Zone;
  /** Of the data zone. */
  readonly slot?: number;
  readonly offset: number;
}

/** Config and OTP: bits 0-2 word, 3-4 block. Data: bits 0-2 word, 3-6 slot, 8-11 block (DS20005927A, 9.1.4). */
export function placeAddress({ zone, slot = 0, offset }: Place): number {
  const word = (offset >>> 2) & 7;
  const block = offset >>> 5;
  return zone === 'data' ? word | (slot << 3) | (block << 8) : word | (block << 3);
}

export function info(): Command {
  return { name: 'Info', opcode: 0x30, param1: 0, param2: 0, data: NO_DATA, answer: 4, maxMs: 5 };
}

export function read(place: Place, size: 4 | 32): Command {
  const param1 = ZONE[place.zone] | (size === 32 ? WHOLE_BLOCK : 0);
  return { name: 'Read', opcode: 0x02, param1, param2: placeAddress(place), data: NO_DATA, answer: size, maxMs: 5 };
}

/** `data` of 4 or 32 bytes, in the clear. */
export function write(place: Place, data: Uint8Array): Command {
  const param1 = ZONE[place.zone] | (data.length === 32 ? WHOLE_BLOCK : 0);
  return { name: 'Write', opcode: 0x12, param1, param2: placeAddress(place), data, answer: 1, maxMs: 45 };
}

/** Lock mode bit 7: the chip does not compare its summary of the zone with ours. */
const NO_SUMMARY = 0x80;

/** The chip refuses unless its own CRC of the configuration is `summary`. */
export function lockConfig(summary: number): Command {
  return { name: 'Lock', opcode: 0x17, param1: 0, param2: summary, data: NO_DATA, answer: 1, maxMs: 35 };
}

export function lockData(): Command {
  return { name: 'Lock', opcode: 0x17, param1: NO_SUMMARY | 1, param2: 0, data: NO_DATA, answer: 1, maxMs: 35 };
}

export function lockSlot(slot: number): Command {
  return { name: 'Lock', opcode: 0x17, param1: (slot << 2) | 2, param2: 0, data: NO_DATA, answer: 1, maxMs: 35 };
}

/** Makes a private key in the slot; answers its public key, X then Y, 32 bytes each, most significant first. */
export function generateKey(slot: number): Command {
  return { name: 'GenKey', opcode: 0x40, param1: 0x04, param2: slot, data: NO_DATA, answer: 64, maxMs: 115 };
}

/** The public key of the private key that the slot holds. */
export function publicKey(slot: number): Command {
  return { name: 'GenKey', opcode: 0x40, param1: 0x00, param2: slot, data: NO_DATA, answer: 64, maxMs: 115 };
}

export function random(): Command {
  return { name: 'Random', opcode: 0x1b, param1: 0, param2: 0, data: NO_DATA, answer: 32, maxMs: 23 };
}

/** Puts these 32 bytes into TempKey as they are. */
export function nonce(message: Uint8Array): Command {
  return { name: 'Nonce', opcode: 0x16, param1: 0x03, param2: 0, data: message, answer: 1, maxMs: 20 };
}

/** Signs what is in TempKey (external mode); answers r then s. */
export function sign(slot: number): Command {
  return { name: 'Sign', opcode: 0x41, param1: 0x80, param2: slot, data: NO_DATA, answer: 64, maxMs: 115 };
}

/** Verifies a signature of what is in TempKey by a key that is sent along (external mode, P-256). */
export function verify(signature: Uint8Array, key: Uint8Array): Command {
  const data = new Uint8Array(128);
  data.set(signature);
  data.set(key, 64);
  return { name: 'Verify', opcode: 0x45, param1: 0x02, param2: 0x0004, data, answer: 1, maxMs: 105 };
}

/** Counter 0 or 1, as it stands: 4 bytes, little endian. */
export function counter(which: 0 | 1): Command {
  return { name: 'Counter', opcode: 0x24, param1: 0, param2: which, data: NO_DATA, answer: 4, maxMs: 25 };
}
