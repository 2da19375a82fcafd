import { concat, readU32, wordsToBytes } from '#shared/base/bytes.ts';

/** The loader's commands by their protocol names (esptool documentation, Serial Protocol). From ERASE_REGION on the stub's only. */
export const OP = {
  FLASH_BEGIN: 0x02,
  FLASH_DATA: 0x03,
  FLASH_END: 0x04,
  MEM_BEGIN: 0x05,
  MEM_END: 0x06,
  MEM_DATA: 0x07,
  SYNC: 0x08,
  WRITE_REG: 0x09,
  READ_REG: 0x0a,
  SPI_SET_PARAMS: 0x0b,
  SPI_ATTACH: 0x0d,
  CHANGE_BAUDRATE: 0x0f,
  FLASH_DEFL_BEGIN: 0x10,
  FLASH_DEFL_DATA: 0x11,
  FLASH_DEFL_END: 0x12,
  SPI_FLASH_MD5: 0x13,
  GET_SECURITY_INFO: 0x14,
  ERASE_REGION: 0xd1,
  READ_FLASH: 0xd2,
} as const;
export type Op = (typeof OP)[keyof typeof OP];

/**
 * | byte | 0    | 1       | 2-3                | 4-7                          | 8- |
 * |------|------|---------|--------------------|------------------------------|----|
 * |      | 0x00 | command | length of the data | checksum of a block, or 0    |    |
 */
export function request(op: Op, data: Uint8Array, checksum = 0): Uint8Array {
  const head = Uint8Array.of(0, op, data.length & 0xff, data.length >> 8);
  return concat([head, wordsToBytes([checksum]), data]);
}

/** A block's data with what stands before it: its length, its place in the sequence, two words of nothing. */
export function blockRequest(op: Op, sequence: number, block: Uint8Array): Uint8Array {
  return request(op, concat([wordsToBytes([block.length, sequence, 0, 0]), block]), checksumOf(block));
}

/** Exclusive or over the block's own bytes, seeded with 0xEF; only the low byte of its word is used. */
export function checksumOf(block: Uint8Array): number {
  return block.reduce((sum, byte) => sum ^ byte, 0xef);
}

export interface Response {
  readonly op: number;
  /** What READ_REG answers. */
  readonly value: number;
  /** Data, then the status bytes: 4 of a ROM, 2 of the stub; the first says whether it failed, the second why. */
  readonly body: Uint8Array;
}

/** A request with the direction byte turned, and the value where the checksum was. Undefined for any other frame. */
export function parseResponse(frame: Uint8Array): Response | undefined {
  if (frame.length < 10 || frame[0] !== 1) return undefined;
  const length = (frame[2] ?? 0) | ((frame[3] ?? 0) << 8);
  if (frame.length !== 8 + length) return undefined;
  return { op: frame[1] ?? 0, value: readU32(frame, 4), body: frame.subarray(8) };
}

/** Words of the request FLASH_DEFL_BEGIN: bytes once inflated, blocks, bytes of a block at most, where they go. */
export function deflateBegin(size: number, blocks: number, block: number, address: number): Uint8Array {
  return request(OP.FLASH_DEFL_BEGIN, wordsToBytes([size, blocks, block, address]));
}

/** 07 07 12 20, then 0x55 as often as a UART needs to find the bit rate. */
export function syncRequest(): Uint8Array {
  return request(OP.SYNC, Uint8Array.of(0x07, 0x07, 0x12, 0x20, ...Array.from({ length: 32 }, () => 0x55)));
}

/** One row of WRITE_REG: several in one request are done in order. */
export interface RegisterWrite {
  readonly address: number;
  readonly value: number;
  /** Bits that are written; the others stay. All, if left out. */
  readonly mask?: number;
}

export function writeRegisters(writes: readonly RegisterWrite[]): Uint8Array {
  const words = writes.flatMap(({ address, value, mask = 0xffff_ffff }) => [address, value, mask, 0]);
  return request(OP.WRITE_REG, wordsToBytes(words));
}

/** What a status says: line trouble is worth another try, a failed flash operation is the unit's. */
export type Refusal = 'line' | 'flash' | 'unsupported' | 'other';

/** ROMs count their reasons from 5, stubs from 0xC0 (esptool documentation; stub `enum esp_response_code`). */
const REASONS: Readonly<Record<number, readonly [Refusal, string]>> = {
  0x05: ['unsupported', 'invalid message'],
  0x06: ['other', 'failed to act on the message'],
  0x07: ['line', 'invalid checksum'],
  0x08: ['flash', 'flash write error'],
  0x09: ['flash', 'flash read error'],
  0x0a: ['other', 'flash read length error'],
  0x0b: ['line', 'inflate error'],
  0xc0: ['line', 'bad length'],
  0xc1: ['line', 'bad checksum'],
  0xc2: ['other', 'bad block size'],
  0xc3: ['line', 'invalid command'],
  0xc4: ['flash', 'SPI operation failed'],
  0xc5: ['flash', 'SPI flash cannot be unlocked'],
  0xc6: ['line', 'not in flash mode'],
  0xc7: ['line', 'inflate error'],
  0xc8: ['line', 'not enough data'],
  0xc9: ['line', 'too much data'],
  0xff: ['unsupported', 'not implemented'],
};

export interface Status {
  readonly refusal: Refusal;
  readonly reason: string;
}

/** Undefined where the command was carried out. `at`: how many bytes of data stand before the status. */
export function statusOf(body: Uint8Array, at: number): Status | undefined {
  const short = body.length < at + 2;
  const [first = 1, second = 0] = short ? body : body.subarray(at);
  if (first === 0 && !short) return undefined;
  const code = first >= 0xc0 ? first : second;
  const [refusal, words] = REASONS[code] ?? ['other', 'no reason that we know'];
  return { refusal, reason: `${words} (${first.toString(16)} ${second.toString(16)})` };
}
