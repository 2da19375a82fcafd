import { FlashlineError } from '#shared/model/failure.ts';
import { HexDecoder, hexByte, syntaxError, type TextLine, textLines } from './hex-lines.ts';
import type { Image, Segment } from './image.ts';
import { ADDRESS_SPACE, SegmentCollector } from './segments.ts';

/**
 * Intel HEX (Intel, Hexadecimal Object File Format Specification, revision A, 1988).
 * A record: `:` length(1) offset(2, big endian) type(1) data(length) checksum(1); all its bytes sum up to 0 mod 256.
 */

const COLON = 0x3a;
const OVERHEAD = 5;
const MAX_RECORD = 255 + OVERHEAD;
/** Where a record's data begins. */
const DATA = 4;

const TYPE = { data: 0, endOfFile: 1, segmentBase: 2, segmentStart: 3, linearBase: 4, linearStart: 5 } as const;
/** Data lengths that types other than data must have. */
const LENGTH_OF: Readonly<Record<number, number>> = {
  [TYPE.endOfFile]: 0,
  [TYPE.segmentBase]: 2,
  [TYPE.segmentStart]: 4,
  [TYPE.linearBase]: 2,
  [TYPE.linearStart]: 4,
};

interface HexRecord {
  readonly type: number;
  readonly offset: number;
  /** Data bytes; they stand in the decoder's record from DATA on. */
  readonly length: number;
}

/** Throws `image-syntax` with the line, `image-overlap`, or `image-empty`. */
export function readIntelHex(file: string, bytes: Uint8Array): Image {
  const reader = new IntelHexReader(file, bytes);
  const decoder = new HexDecoder(file, bytes, MAX_RECORD);
  let last = 1;
  for (const line of textLines(bytes)) {
    if (reader.ended) throw syntaxError(file, line.number, 'nothing after the end-of-file record');
    reader.take(parseRecord(file, bytes, decoder, line), decoder.record, line.number);
    last = line.number;
  }
  if (!reader.ended) {
    throw syntaxError(file, last, 'an end-of-file record (:00000001FF) after this line; the file may be cut short');
  }
  return reader.image();
}

class IntelHexReader {
  readonly #file: string;
  readonly #collector: SegmentCollector;
  #base = 0;
  /** Where addresses wrap to 0 again: 64 KiB within a segment, 4 GiB in linear addressing. */
  #wrap = 0x10000;
  #entry: number | undefined;
  ended = false;

  constructor(file: string, bytes: Uint8Array) {
    this.#file = file;
    this.#collector = new SegmentCollector(file, 'line', bytes.length >> 1);
  }

  take({ type, offset, length }: HexRecord, record: Uint8Array, line: number): void {
    const high = ((record[DATA] ?? 0) << 8) | (record[DATA + 1] ?? 0);
    const low = ((record[DATA + 2] ?? 0) << 8) | (record[DATA + 3] ?? 0);
    switch (type) {
      case TYPE.data:
        this.#addData(offset, record, DATA + length, line);
        break;
      case TYPE.endOfFile:
        this.ended = true;
        break;
      case TYPE.segmentBase:
        this.#base = high * 0x10;
        this.#wrap = 0x10000;
        break;
      case TYPE.segmentStart:
        this.#entry = high * 0x10 + low;
        break;
      case TYPE.linearBase:
        this.#base = high * 0x10000;
        this.#wrap = ADDRESS_SPACE;
        break;
      default:
        this.#entry = high * 0x10000 + low;
    }
  }

  image(): Image {
    const segments = this.#collector.segments();
    if (segments.length === 0) {
      throw new FlashlineError('image-empty', { where: { file: this.#file }, params: { file: this.#file } });
    }
    return { format: 'ihex', segments, ...(this.#entry === undefined ? {} : { entry: this.#entry }) };
  }

  /**
   * Segment: base + (offset + i) mod 64 Ki. Linear: (base + offset + i) mod 4 Gi; only there may a record go past
   * the end of its 64 KiB (section 3 of the specification). What wraps is two runs.
   */
  #addData(offset: number, record: Uint8Array, end: number, line: number): void {
    const linear = this.#wrap === ADDRESS_SPACE;
    const start = linear ? this.#base + offset : offset;
    const origin = linear ? 0 : this.#base;
    const untilWrap = Math.min(end, DATA + this.#wrap - start);
    this.#collector.add(origin + start, record, DATA, untilWrap, line);
    this.#collector.add(origin, record, untilWrap, end, line);
  }
}

function parseRecord(file: string, bytes: Uint8Array, decoder: HexDecoder, line: TextLine): HexRecord {
  const fail = (expected: string) => syntaxError(file, line.number, expected);
  if (bytes[line.from] !== COLON) throw fail('":" at the start of a record');
  const count = decoder.decode(line, 1);
  const { record } = decoder;
  const length = record[0] ?? 0;
  if (count !== length + OVERHEAD) {
    throw fail(`${length + OVERHEAD} bytes, as the record’s length byte says (there are ${count})`);
  }
  let sum = 0;
  for (let i = 0; i < count - 1; i++) sum += record[i] ?? 0;
  const found = record[count - 1] ?? 0;
  if (((sum + found) & 0xff) !== 0) throw fail(`checksum ${hexByte(-sum)} for these bytes (found ${hexByte(found)})`);
  const type = record[3] ?? 0;
  if (type > TYPE.linearStart) throw fail(`a record type from 00 to 05 (found ${hexByte(type)})`);
  const mustBe = LENGTH_OF[type];
  if (mustBe !== undefined && length !== mustBe) {
    throw fail(`${mustBe} data bytes in a record of type ${hexByte(type)} (found ${length})`);
  }
  return { type, offset: ((record[1] ?? 0) << 8) | (record[2] ?? 0), length };
}

/** Data bytes a written record carries. */
const WRITTEN = 16;
/** Characters around them: colon, length, offset, type, checksum, line feed. */
const WRITTEN_OVERHEAD = 1 + 2 + 4 + 2 + 2 + 1;

/** Intel HEX with linear addresses, 16 bytes a record, LF line ends; the entry as a start linear address record. */
export function writeIntelHex(segments: readonly Segment[], entry?: number): Uint8Array {
  const writer = new IntelHexWriter(segments);
  let base = 0;
  for (const { address, data } of segments) {
    for (let at = 0; at < data.length;) {
      const from = address + at;
      const upper = Math.floor(from / 0x10000);
      if (upper !== base) writer.record(TYPE.linearBase, 0, Uint8Array.of(upper >> 8, upper));
      base = upper;
      const size = Math.min(WRITTEN, data.length - at, (upper + 1) * 0x10000 - from);
      writer.record(TYPE.data, from & 0xffff, data.subarray(at, at + size));
      at += size;
    }
  }
  if (entry !== undefined) {
    writer.record(TYPE.linearStart, 0, Uint8Array.of(entry >>> 24, entry >>> 16, entry >>> 8, entry));
  }
  writer.record(TYPE.endOfFile, 0, new Uint8Array(0));
  return writer.text();
}

class IntelHexWriter {
  readonly #out: Uint8Array;
  #used = 0;

  constructor(segments: readonly Segment[]) {
    let capacity = 4 * (WRITTEN_OVERHEAD + WRITTEN);
    for (const { data } of segments) {
      // Rounded up, one more for a 64 KiB boundary each, and a base record for each of those.
      const records = Math.ceil(data.length / WRITTEN) + 2 * (Math.ceil(data.length / 0x10000) + 1);
      capacity += data.length * 2 + records * (WRITTEN_OVERHEAD + 4);
    }
    this.#out = new Uint8Array(capacity);
  }

  record(type: number, offset: number, data: Uint8Array): void {
    this.#out[this.#used++] = COLON;
    let sum = 0;
    const put = (value: number) => {
      sum += value;
      this.#put(value);
    };
    put(data.length);
    put(offset >> 8);
    put(offset & 0xff);
    put(type);
    for (let i = 0; i < data.length; i++) put(data[i] ?? 0);
    this.#put(-sum & 0xff);
    this.#out[this.#used++] = 0x0a;
  }

  text(): Uint8Array {
    return this.#out.slice(0, this.#used);
  }

  #put(value: number): void {
    this.#out[this.#used++] = hexDigit(value >> 4);
    this.#out[this.#used++] = hexDigit(value & 0xf);
  }
}

function hexDigit(value: number): number {
  return value < 10 ? 0x30 + value : 0x41 + value - 10;
}
