import type { SpiTransfer } from '../../probe/spi-port.ts';

/** Instructions that JESD216 and all makers agree on. */
export const Opcode = {
  writeBank: 0x17,
  writeStatus: 0x01,
  program: 0x02,
  read: 0x03,
  readStatus: 0x05,
  writeEnable: 0x06,
  fastRead: 0x0b,
  writeStatus2: 0x31,
  readStatus2: 0x35,
  writeStatus3e: 0x3e,
  readStatus3f: 0x3f,
  readUniqueId: 0x4b,
  clearFlagStatus: 0x50,
  readSfdp: 0x5a,
  enableReset: 0x66,
  readFlagStatus: 0x70,
  reset: 0x99,
  readId: 0x9f,
  releasePowerDown: 0xab,
  enterFourByte: 0xb7,
  writeSegment: 0xc5,
  chipErase: 0xc7,
  readSegment: 0xc8,
  exitFourByte: 0xe9,
} as const;

/** Status register 1: something is under way; the next program, erase or status write will be taken. */
export const BUSY = 0x01;
export const WRITE_ENABLED = 0x02;

/**
 * Flag status register (N25Q256A data sheet, table 6): ready; an erase failed; a program failed; something was tried in a
 * protected block.
 */
export const FLAG_READY = 0x80;
export const FLAG_ERASE_FAILED = 0x20;
export const FLAG_PROGRAM_FAILED = 0x10;
export const FLAG_PROTECTED = 0x02;
export const FLAG_FAILURES = FLAG_ERASE_FAILED | FLAG_PROGRAM_FAILED | FLAG_PROTECTED;

/** Bank register of 4-byte addresses (JESD216, DWORD 16, bit 27): EXTADD. */
export const BANK_FOUR_BYTE = 0x80;

export interface Addressed {
  readonly opcode: number;
  readonly addressBytes: 3 | 4;
}

/** What one chip is told to do what. */
export interface NorInstructions {
  readonly read: Addressed;
  /** Bytes between a read's address and its data that say nothing. */
  readonly readDummy: number;
  readonly program: Addressed;
}

export const ask = (opcode: number, read: number): SpiTransfer => ({ write: Uint8Array.of(opcode), read });
export const tell = (...write: readonly number[]): SpiTransfer => ({ write: Uint8Array.from(write), read: 0 });

export const writeEnable = tell(Opcode.writeEnable);

/** The register again and again, for as long as the chip is selected. */
export const status = (samples: number): SpiTransfer => ask(Opcode.readStatus, samples);

/** The register that tells when the chip is ready once, after so many bytes in which the chip puts it out as well and nobody looks. */
export function statusAfter(filler: number, register: number = Opcode.readStatus): SpiTransfer {
  const write = new Uint8Array(1 + filler);
  write[0] = register;
  return { write, read: 1 };
}

/** Instruction, address (most significant byte first), what follows. */
export function addressed(
  { opcode, addressBytes }: Addressed,
  address: number,
  rest: { readonly dummy?: number; readonly data?: Uint8Array; readonly read?: number } = {},
): SpiTransfer {
  const { dummy = 0, data, read = 0 } = rest;
  const head = 1 + addressBytes + dummy;
  const write = new Uint8Array(head + (data?.length ?? 0));
  write[0] = opcode;
  for (let index = 0; index < addressBytes; index++)
    write[1 + index] = Math.floor(address / 256 ** (addressBytes - 1 - index)) % 256;
  if (data) write.set(data, head);
  return { write, read };
}

/** JESD216, 6.1: a 3-byte address whatever the mode, and eight dummy clocks. */
export const readSfdp = (address: number, read: number): SpiTransfer =>
  addressed({ opcode: Opcode.readSfdp, addressBytes: 3 }, address, { dummy: 1, read });
