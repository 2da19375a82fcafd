import { Atecc608 } from './atecc608/atecc608.ts';
import { Eeprom, type EepromKind } from './eeprom.ts';
import type { MakeI2cChip } from './i2c-chip.ts';

/** A 24xx; some come with an EUI-48 of Microchip's in their last six bytes (DS20002124G, 9.1). */
function eeprom(kind: EepromKind, eui48At?: number): MakeI2cChip {
  return ({ identity, seed, written }) => {
    const contents =
      eui48At === undefined
        ? {}
        : { contents: { address: eui48At, bytes: Uint8Array.of(0x00, 0x04, 0xa3, ...identity.subarray(0, 3)) } };
    return new Eeprom({ kind, seed, written, ...contents });
  };
}

const MICROCHIP = { refusesProtected: false } as const;

/** Every chip that the bench has for an I2C bus, by the ids of their descriptions. */
export const I2C_CHIPS: Readonly<Record<string, MakeI2cChip>> = {
  // DS20001709: the address pins are not wired; page write 3 ms typical.
  '24lc02b': eeprom({ bytes: 256, page: 8, addressBytes: 1, ignoredBits: 3, writeMs: 3, ...MICROCHIP }),
  // DS20001703: eight blocks of 256 bytes.
  '24lc16b': eeprom({ bytes: 2048, page: 16, addressBytes: 1, ignoredBits: 3, writeMs: 3, ...MICROCHIP }),
  // DS20001203: page write 5 ms at most.
  '24lc256': eeprom({ bytes: 32_768, page: 64, addressBytes: 2, ignoredBits: 0, writeMs: 5, ...MICROCHIP }),
  // DS20002124G: the upper half is read-only for good, the EUI-48 at its end.
  '24aa025e48': eeprom(
    { bytes: 256, page: 16, addressBytes: 1, ignoredBits: 0, writeMs: 3, readOnlyFrom: 0x80, ...MICROCHIP },
    0xfa,
  ),
  // DS6638 (M24C64): write time 5 ms at most; with WC high, data bytes are not acknowledged.
  atecc608b: ({ identity }) => new Atecc608(identity),
  m24c64: eeprom({ bytes: 8192, page: 32, addressBytes: 2, ignoredBits: 0, writeMs: 5, refusesProtected: true }),
};
