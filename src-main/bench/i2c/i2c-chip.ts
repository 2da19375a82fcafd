import type { Faults } from '../faults.ts';
import type { I2cSlave } from './i2c-slave.ts';

/** A simulated chip on an I2C bus, as the bench puts it into a fixture. */
export interface I2cChip extends I2cSlave {
  /** What goes wrong on the connection that begins now; only chips with faults of their own ask. */
  connected?(faults: Faults): void;
  /** The fault `protected`: as the chip's kind understands it. */
  protect?(): void;
  /** Rot and defects: bit 0 to 31 of the little-endian word at `address`. */
  flipBit?(address: number, bit: number): void;
  stickBit?(address: number, bit: number, value: 0 | 1): void;
}

/** What makes one chip differ from the next of its kind. */
export interface I2cChipFactory {
  /** Thirty-two bytes of its own, the same for the same unit: hardware ids and keys come from them. */
  readonly identity: Uint8Array;
  /** What silicon leaves to chance. */
  readonly seed: number;
  /** The chip has done something to its memory: what `bit-rot` counts. */
  readonly written: (chip: I2cChip) => void;
}

export type MakeI2cChip = (factory: I2cChipFactory) => I2cChip;
