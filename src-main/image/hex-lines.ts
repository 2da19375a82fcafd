import { FlashlineError } from '#shared/model/failure.ts';

/** What Intel HEX and S-records share: lines of a few marks and then hexadecimal bytes. */

export interface TextLine {
  /** Counts from 1. */
  readonly number: number;
  /** [from, to) in the file; blanks at the end are left out. */
  readonly from: number;
  readonly to: number;
}

const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;
const TAB = 0x09;

const NOT_A_DIGIT = 0xff;
const DIGITS = new Uint8Array(256).fill(NOT_A_DIGIT);
for (let value = 0; value < 16; value++) {
  const digit = value.toString(16);
  DIGITS[digit.charCodeAt(0)] = value;
  DIGITS[digit.toUpperCase().charCodeAt(0)] = value;
}

/** The lines that hold something; they end with LF, CR or CR LF. */
export function* textLines(bytes: Uint8Array): Generator<TextLine> {
  let number = 1;
  let from = 0;
  while (from < bytes.length) {
    let end = from;
    for (; end < bytes.length; end++) {
      const character = bytes[end];
      if (character === LF || character === CR) break;
    }
    let to = end;
    while (to > from && isBlank(bytes[to - 1])) to--;
    if (to > from) yield { number, from, to };
    from = bytes[end] === CR && bytes[end + 1] === LF ? end + 2 : end + 1;
    number++;
  }
}

function isBlank(character: number | undefined): boolean {
  return character === SPACE || character === TAB;
}

export function syntaxError(file: string, line: number, expected: string): FlashlineError<'image-syntax'> {
  return new FlashlineError('image-syntax', { where: { file, line }, params: { expected } });
}

/** Decodes hexadecimal text into a buffer of its own, used anew for every line. */
export class HexDecoder {
  readonly #file: string;
  readonly #bytes: Uint8Array;
  /** What was decoded last. */
  readonly record: Uint8Array;

  /** `maxRecord`: the longest record that the format knows, in bytes. */
  constructor(file: string, bytes: Uint8Array, maxRecord: number) {
    this.#file = file;
    this.#bytes = bytes;
    this.record = new Uint8Array(maxRecord);
  }

  /** Decodes what stands behind the line's first `skip` characters into `record`; returns how many bytes. */
  decode(line: TextLine, skip: number): number {
    const bytes = this.#bytes;
    const { record } = this;
    const start = line.from + skip;
    const digits = line.to - start;
    const count = digits >> 1;
    const fits = count <= record.length;
    // All characters first, so that a stray one is named before a length that it made wrong.
    let high = 0;
    for (let i = 0; i < digits; i++) {
      const digit = DIGITS[bytes[start + i] ?? 0] ?? NOT_A_DIGIT;
      if (digit === NOT_A_DIGIT) this.#fail(line, `a hexadecimal digit in column ${skip + i + 1}`);
      if ((i & 1) === 0) high = digit << 4;
      else if (fits) record[i >> 1] = high | digit;
    }
    if (digits % 2 !== 0) this.#fail(line, `an even number of hexadecimal digits (there are ${digits})`);
    if (!fits) this.#fail(line, `at most ${record.length} bytes in a record (there are ${count})`);
    return count;
  }

  #fail(line: TextLine, expected: string): never {
    throw syntaxError(this.#file, line.number, expected);
  }
}

/** Two upper-case digits, as the formats write a byte. */
export function hexByte(value: number): string {
  return (value & 0xff).toString(16).toUpperCase().padStart(2, '0');
}
