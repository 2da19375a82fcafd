import { z } from 'zod';
import { Address, SeenMemories, Size } from '../memory.ts';

/** Of seven bits, without those that the bus keeps for itself (UM10204, 3.1.12). */
const DeviceAddress = z.number().int().min(0x08).max(0x77);

/** A chip on an I2C bus. */
export const I2cInterface = z.discriminatedUnion('kind', [
  /** 24xx EEPROM: its memories' pages are its write pages, and `eraseMs` is its write cycle. */
  z.strictObject({
    kind: z.literal('eeprom'),
    /** SCL at most, in hertz, at the supply that boards have. */
    maxHz: z.number().int().positive(),
    /** As the address pins are wired. */
    address: DeviceAddress,
    /** Of a memory address, in bytes. */
    addressBytes: z.union([z.literal(1), z.literal(2)]),
    /** How many more of its bits stand in the lowest bits of the device address (24LC04 to 24LC16). */
    blockBits: z.number().int().min(0).max(3).default(0),
    /** What tells one unit from another, most significant byte first: an EUI-48. */
    uid: z.strictObject({ address: Address, size: Size }).optional(),
    memories: SeenMemories,
  }),
  /** Microchip ATECC608 secure element. */
  z.strictObject({
    kind: z.literal('atecc'),
    /** 7 bits; as shipped when left out. */
    address: DeviceAddress.default(0x60),
    /** What its Info command may answer, most significant byte first. */
    revisions: z.array(Address).min(1),
    memories: SeenMemories,
  }),
]);
export type I2cInterface = z.infer<typeof I2cInterface>;
export type EepromInterface = Extract<I2cInterface, { kind: 'eeprom' }>;
export type AteccInterface = Extract<I2cInterface, { kind: 'atecc' }>;
