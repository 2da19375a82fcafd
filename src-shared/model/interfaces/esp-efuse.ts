import { z } from 'zod';
import { Address } from '../memory.ts';

const Bit = z.number().int().min(0).max(255);
const Name = z.string().regex(/^[A-Z0-9_]+$/u);

/** A run of bits of one block, as the chip's manual names it. */
const EfuseField = z.strictObject({
  name: Name,
  block: z.number().int().min(0),
  /** From the block's bit 0. */
  bit: Bit,
  size: z.number().int().min(1).max(256),
  /** The bit of WR_DIS that keeps it as it is for good; absent where nothing does. */
  lock: z.number().int().min(0).max(31).optional(),
});
export type EfuseField = z.infer<typeof EfuseField>;

const EfuseBlock = z.strictObject({
  /** Registers from the controller's base: what was read at the last READ command, and words of 32 bits. */
  read: z.number().int().min(0),
  words: z.number().int().min(1).max(8),
  /** ESP32: where what is to be burnt is put; the later chips have one place for all blocks, at the base. */
  write: z.number().int().optional(),
  /** Bits of WR_DIS, and of RD_DIS, that take it away. */
  lock: z.number().int().min(0).max(31).optional(),
  hide: z.array(z.number().int().min(0).max(31)).default([]),
});
export type EfuseBlock = z.infer<typeof EfuseBlock>;

/** Where a digest of secure boot's public key goes. */
const EfuseKey = z.strictObject({
  block: z.number().int().min(1),
  /** Part of the block: the lowest bit, and how much of the digest fits. */
  bit: Bit.default(0),
  size: z.number().int().min(128).max(256).default(256),
  /** The field that says what the block is for; absent where the block has one use. */
  purpose: Name.optional(),
});
export type EfuseKey = z.infer<typeof EfuseKey>;

/** One-time programmable bits, as an Espressif chip's eFuse controller has them. */
export const EspEfuse = z.strictObject({
  /**
   * `esp32`: the first chip's controller, its blocks 1 to 3 in the coding scheme that its block 0 names. `rs`: the later
   * ones, block 0 kept four times over, all others in a Reed-Solomon code.
   */
  kind: z.enum(['esp32', 'rs']),
  base: Address,
  /** Registers from the base: operation code, command, and what the codes of the blocks made of their last reading. */
  conf: z.number().int(),
  command: z.number().int(),
  /** Of block 0: its copies differ where a bit is set. */
  repeatErrors: z.array(z.number().int()).default([]),
  /** Four bits a block from block 1 on: how many bytes were corrected, and that there were too many. */
  codeErrors: z.array(z.number().int()).default([]),
  /** Where the bit that says `too many` stands with the next block's count (ESP32-C3). */
  failBlocksLater: z.number().int().default(0),
  /** The first chip's: not zero where its 3/4 code found an error. */
  decodeStatus: z.number().int().optional(),
  /** Before a burn, by the frequency in MHz of what drives the controller: bits under `mask` of a register. */
  timing: z.record(
    z.string().regex(/^\d+$/u),
    z.array(z.strictObject({ register: z.number().int(), mask: Address, value: Address })),
  ),
  /** What drives it while the stub runs, which sets the bus of some chips to 80 MHz and else leaves the crystal. */
  clockMhz: z.number().int().optional(),
  /** Where boards differ in their crystals: the register of UART 0's divider, of which the crystal's frequency follows. */
  divider: Address.optional(),
  blocks: z.array(EfuseBlock).min(2),
  fields: z.array(EfuseField).min(1),
  /** In the order of a secure boot digest's slots. */
  keys: z.array(EfuseKey).min(1),
  /** What the values of a key's purpose mean. */
  purposes: z.record(z.string().regex(/^\d+$/u), z.string()).default({}),
  /** Fields, all bits set, by what they do. */
  switches: z.strictObject({
    secureBoot: z.array(Name).min(1),
    jtag: z.array(Name).min(1),
    download: z.array(Name).min(1),
    secureDownload: z.array(Name).default([]),
    revoke: z.array(Name).default([]),
  }),
  /** Bits of the chip's revision, the highest part first; ESP32 has one more of them outside of its eFuses. */
  revision: z.strictObject({
    major: z.array(Name).min(1),
    minor: z.array(Name).min(1),
    /** Both 1, and no minor revision: the bits say something else, and the revision is 0.0. */
    unsetBy: z.tuple([Name, Name]).optional(),
  }),
  /** The counter of which an odd number of bits means flash encryption. */
  encryption: Name,
  /** What of a board's own goes with a MAC address of its own: a checksum, a version or a switch; absent where there is none. */
  customMac: z.strictObject({ crc: Name.optional(), version: Name.optional(), used: Name.optional() }).default({}),
});
export type EspEfuse = z.infer<typeof EspEfuse>;
