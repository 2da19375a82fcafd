/**
 * The bytes of the Serial Flasher Protocol, version 1 (flashrom, Documentation/serprog-protocol). Every command is
 * answered in order by ACK and what was asked for, or by NAK. Multi-byte values are little endian.
 */
export const ACK = 0x06;
export const NAK = 0x15;

export const Command = {
  nop: 0x00,
  queryInterface: 0x01,
  queryCommands: 0x02,
  queryName: 0x03,
  querySerialBuffer: 0x04,
  queryBusTypes: 0x05,
  queryLongestWrite: 0x08,
  /** Operations that are kept until O_EXEC: of them only a delay means anything on SPI. */
  initOperations: 0x0b,
  delayOperation: 0x0e,
  executeOperations: 0x0f,
  /** Answered NAK, ACK: the one pair that nothing else is answered with. */
  syncNop: 0x10,
  queryLongestRead: 0x11,
  setBusTypes: 0x12,
  spiOperation: 0x13,
  setSpiFrequency: 0x14,
  setPinState: 0x15,
} as const;
export type Command = (typeof Command)[keyof typeof Command];

/** Bytes that follow ACK; of an SPI operation as many as it reads. */
export const ANSWER_SIZE = {
  [Command.nop]: 0,
  [Command.queryInterface]: 2,
  [Command.queryCommands]: 32,
  [Command.queryName]: 16,
  [Command.querySerialBuffer]: 2,
  [Command.queryBusTypes]: 1,
  [Command.queryLongestWrite]: 3,
  [Command.queryLongestRead]: 3,
  [Command.setBusTypes]: 0,
  [Command.setSpiFrequency]: 4,
  [Command.setPinState]: 0,
} as const satisfies Partial<Record<Command, number>>;

export const VERSION = 1;
/** Bit of the bus types. */
export const BUS_SPI = 0x08;
/** Lengths are 24 bits; a longest length of 0 means all that they can say. */
export const MOST_BYTES = 2 ** 24 - 1;
/** Of a device that does not tell its buffer: what the specification's own implementations assume. */
export const LEAST_BUFFER = 16;

/** Command, two lengths of 24 bits. */
export const SPI_HEADER = 7;

/** Selects the chip, writes, reads `read` bytes, deselects. */
export function spiOperation(write: Uint8Array, read: number): Uint8Array {
  const out = new Uint8Array(SPI_HEADER + write.length);
  out[0] = Command.spiOperation;
  out.set(le24(write.length), 1);
  out.set(le24(read), 4);
  out.set(write, SPI_HEADER);
  return out;
}

/** The adapter waits, and takes what comes meanwhile: three commands, each with its answer, the last when it is over. */
export function delayOperations(us: number): Uint8Array {
  const { initOperations, delayOperation, executeOperations } = Command;
  return Uint8Array.of(initOperations, delayOperation, ...littleEndian(us, 4), executeOperations);
}
export const DELAY_COMMANDS = 3;

export function setSpiFrequency(hz: number): Uint8Array {
  return Uint8Array.of(Command.setSpiFrequency, ...littleEndian(hz, 4));
}

/** The bit map of commands: bit n of byte n / 8 is command n. */
export function hasCommand(map: Uint8Array, command: Command): boolean {
  return ((map[command >> 3] ?? 0) & (1 << (command & 7))) !== 0;
}

export function fromLittleEndian(bytes: Uint8Array): number {
  return bytes.reduceRight((value, byte) => value * 256 + byte, 0);
}

/** At most 16 bytes, padded with zeros. Whatever is no printable ASCII is left out: it stands in records. */
export function nameOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  const text = [...bytes.subarray(0, end < 0 ? bytes.length : end)];
  return String.fromCharCode(...text.filter((byte) => byte >= 0x20 && byte < 0x7f)).trim();
}

function le24(value: number): number[] {
  return littleEndian(value, 3);
}

function littleEndian(value: number, size: number): number[] {
  return Array.from({ length: size }, (_, index) => Math.floor(value / 256 ** index) % 256);
}
