import { toHex } from '#shared/base/bytes.ts';
import { ateccCrc } from './crc.ts';

/** First byte of every write: where the bytes after it go (DS20005927A, 7.2.1 word addresses). */
export const WORD_ADDRESS = { reset: 0x00, sleep: 0x01, idle: 0x02, command: 0x03 } as const;

/** Count, opcode, param1, param2, CRC: a command without data. */
const COMMAND_BYTES = 7;
/** Count, one byte, CRC: the shortest response, and every status. */
export const STATUS_BYTES = 4;

/** One command; `answer` is how many bytes it answers with when it works, 1 where that is a status. */
export interface Command {
  readonly name: string;
  readonly opcode: number;
  readonly param1: number;
  readonly param2: number;
  readonly data: Uint8Array;
  readonly answer: number;
  /** The longest that the chip may take, in milliseconds. */
  readonly maxMs: number;
}

/**
 * 00 word address, 01 count (itself to CRC), 02 opcode, 03 param1, 04-05 param2, 06.. data, then the CRC of count to data
 * (DS20005927A, 9.1). Multi-byte values are little endian.
 */
export function commandBytes({ opcode, param1, param2, data }: Command): Uint8Array {
  const count = COMMAND_BYTES + data.length;
  const out = new Uint8Array(1 + count);
  out.set([WORD_ADDRESS.command, count, opcode, param1, param2 & 0xff, param2 >>> 8]);
  out.set(data, 6);
  const crc = ateccCrc(out.subarray(1, count - 1));
  out.set([crc & 0xff, crc >>> 8], count - 1);
  return out;
}

/** What a chip answered: a status alone, or data; `spoiled` arrived with a wrong count or CRC. */
export type Answer =
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'data'; readonly data: Uint8Array }
  | { readonly kind: 'spoiled'; readonly detail: string };

/** Reads count, content and CRC off what was read of the output buffer; bytes behind them are nobody's. */
export function readAnswer(bytes: Uint8Array, expected: number): Answer {
  const count = bytes[0] ?? 0;
  const wanted = count === STATUS_BYTES || count === expected + 3;
  if (!wanted || count > bytes.length) return { kind: 'spoiled', detail: `a response of ${count} bytes` };
  const content = bytes.subarray(1, count - 2);
  const crc = (bytes[count - 2] ?? 0) | ((bytes[count - 1] ?? 0) << 8);
  if (crc !== ateccCrc(bytes.subarray(0, count - 2))) {
    return { kind: 'spoiled', detail: `CRC of the response ${toHex(bytes.subarray(0, count))}` };
  }
  // Where one byte of data is expected, it is a status too.
  return content.length === 1 ? { kind: 'status', status: content[0] ?? 0 } : { kind: 'data', data: content.slice() };
}

export const STATUS = {
  ok: 0x00,
  /** CheckMac or Verify ran, and the answer is no. */
  miscompare: 0x01,
  parse: 0x03,
  ecc: 0x05,
  selfTest: 0x07,
  healthTest: 0x08,
  execution: 0x0f,
  afterWake: 0x11,
  /** The watchdog is about to put the chip to sleep: it did nothing. */
  watchdog: 0xee,
  /** The command arrived spoiled: the chip did nothing. */
  communication: 0xff,
} as const;

const SENTENCES: Readonly<Record<number, string>> = {
  [STATUS.miscompare]: 'miscompare',
  [STATUS.parse]: 'parse error: the command or its parameters are not allowed',
  [STATUS.ecc]: 'ECC fault',
  [STATUS.selfTest]: 'self test error',
  [STATUS.healthTest]: 'health test error of the random number generator',
  [STATUS.execution]: 'execution error: not allowed in the state that the chip is in',
  [STATUS.watchdog]: 'watchdog about to expire',
  [STATUS.communication]: 'communication error',
};

/** A status in words, with its number (DS20005927A, table 9-3). */
export function statusText(status: number): string {
  const number = `0x${status.toString(16).toUpperCase().padStart(2, '0')}`;
  const sentence = SENTENCES[status];
  return sentence === undefined ? number : `${number} (${sentence})`;
}
