import { readU32, writeU32 } from '#shared/base/bytes.ts';

/**
 * The mailbox of a RAM loader, as resources/flash-algorithms/nrf-nvmc/loader.c has it. Words, little endian:
 * 0x00 status, 0x04 fault address, 0x08 command, 0x0C address, 0x10 length, 0x14 page size, 0x18 controller base,
 * 0x1C reserved, 0x20 data.
 */
export const HEADER_SIZE = 0x20;
/** Status and fault address. */
export const ANSWER_SIZE = 8;
/** A survey makes its CRC table at the start of the data, its results follow: { crc32, blank } a page. */
export const SURVEY_SCRATCH = 1024;
export const SURVEY_RESULT = 8;

export const COMMANDS = { erase: 1, program: 2, survey: 3, readOnly: 4 } as const;
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
  readonly length: number;
  readonly page: number;
  readonly controller: number;
}

/** Header and data as one block to write: one call needs no more than this. */
export function mailboxBytes(request: LoaderRequest, data: Uint8Array): Uint8Array {
  const out = new Uint8Array(HEADER_SIZE + data.length);
  const header = [
    PENDING,
    0,
    COMMANDS[request.command],
    request.address,
    request.length,
    request.page,
    request.controller,
    0,
  ];
  header.forEach((word, index) => writeU32(out, index * 4, word));
  out.set(data, HEADER_SIZE);
  return out;
}

export function readAnswer(bytes: Uint8Array): { readonly status: LoaderStatus; readonly fault: number } {
  return { status: statusOf(readU32(bytes, 0)), fault: readU32(bytes, 4) };
}

function statusOf(word: number): LoaderStatus {
  for (const [value, name] of STATUS) if (value === word) return name;
  return 'nonsense';
}
