import { readU32, writeU32 } from '#shared/base/bytes.ts';

/**
 * The mailbox of a RAM loader, as resources/flash-algorithms/common/loader.h has it. Words, little endian:
 * 0x00 status, 0x04 fault address, 0x08 taken, 0x0C written, 0x10 command, 0x14 address, 0x18 length, 0x1C page size,
 * 0x20 controller base, 0x24 ring size, 0x28 two reserved, 0x30 data.
 */
export const HEADER_SIZE = 0x30;
/** Status, fault address and how far it is. */
export const ANSWER_SIZE = 12;
/** Where the host says how much of the data is there. */
export const WRITTEN = 0x0c;
/** Data is consumed in chunks that end at multiples of this; the ring is whole chunks. */
export const CHUNK = 256;
/** What a survey tells of a page: its digest. */
export const PAGE_RESULT = 4;

export const COMMANDS = { erase: 1, program: 2, survey: 3, readOnly: 4, eraseAll: 5 } as const;
export type Command = keyof typeof COMMANDS;

/** What the host writes: a loader that never ran leaves it. */
const PENDING = 0xffff_ffff;
const STATUS = new Map([
  [0, 'ok'],
  [1, 'timeout'],
  [2, 'refused'],
  [PENDING, 'pending'],
] as const);
export type LoaderStatus = 'ok' | 'timeout' | 'refused' | 'pending' | 'nonsense';

export interface LoaderRequest {
  readonly command: Command;
  readonly address: number;
  /** Bytes. */
  readonly length: number;
  /** Of what is surveyed, or of what one command of the flash erases. */
  readonly page: number;
  readonly controller: number;
  /** Bytes of data that the ring holds, and how many are in it at the start; of `program` only. */
  readonly ring?: number;
  readonly written?: number;
}

/** The header alone; the data goes to where `ringOffset` says. */
export function mailboxBytes(request: LoaderRequest): Uint8Array {
  const out = new Uint8Array(HEADER_SIZE);
  const header = [
    PENDING,
    request.address,
    0,
    request.written ?? 0,
    COMMANDS[request.command],
    request.address,
    request.length,
    request.page,
    request.controller,
    request.ring ?? 0,
  ];
  header.forEach((word, index) => writeU32(out, index * 4, word));
  return out;
}

/** Where in the data the byte stands that is `sent` bytes after the first, which is for `address`. */
export function ringOffset(address: number, sent: number, ring: number): number {
  return ((address % CHUNK) + sent) % ring;
}

export interface Answer {
  readonly status: LoaderStatus;
  /** What was being worked on. */
  readonly fault: number;
  /** Bytes of data consumed, units erased, or bytes surveyed so far. */
  readonly taken: number;
}

export function readAnswer(bytes: Uint8Array): Answer {
  return { status: statusOf(readU32(bytes, 0)), fault: readU32(bytes, 4), taken: readU32(bytes, 8) };
}

function statusOf(word: number): LoaderStatus {
  for (const [value, name] of STATUS) if (value === word) return name;
  return 'nonsense';
}
