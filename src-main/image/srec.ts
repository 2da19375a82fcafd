import { FlashlineError } from '#shared/model/failure.ts';
import { HexDecoder, hexByte, syntaxError, type TextLine, textLines } from './hex-lines.ts';
import type { Image } from './image.ts';
import { ADDRESS_SPACE, SegmentCollector } from './segments.ts';

/**
 * Motorola S-records (M68000 Family Programmer's Reference Manual, appendix C).
 * A record: `S` type(1 digit) count(1) address(2, 3 or 4, big endian) data checksum(1); count covers all behind it, and
 * the bytes from count to checksum sum up to FF mod 256.
 */

const LETTER_S = 0x53;
const DIGIT_0 = 0x30;
const MAX_RECORD = 256;

type Kind = 'header' | 'data' | 'count' | 'start';

/** By the type's digit: what it is, and how many bytes its address field has. S4 is reserved. */
const TYPES: readonly ({ readonly kind: Kind; readonly address: number } | undefined)[] = [
  { kind: 'header', address: 2 },
  { kind: 'data', address: 2 },
  { kind: 'data', address: 3 },
  { kind: 'data', address: 4 },
  undefined,
  { kind: 'count', address: 2 },
  { kind: 'count', address: 3 },
  { kind: 'start', address: 4 },
  { kind: 'start', address: 3 },
  { kind: 'start', address: 2 },
];

interface SRecord {
  readonly kind: Kind;
  readonly address: number;
  /** Its data is record[from, to) of the decoder. */
  readonly from: number;
  readonly to: number;
}

/** Throws `image-syntax` with the line, `image-overlap`, or `image-empty`. */
export function readSRecords(file: string, bytes: Uint8Array): Image {
  const decoder = new HexDecoder(file, bytes, MAX_RECORD);
  const collector = new SegmentCollector(file, 'line', bytes.length >> 1);
  let entry: number | undefined;
  let dataRecords = 0;
  let last: { readonly kind: Kind; readonly line: number } = { kind: 'header', line: 1 };
  for (const line of textLines(bytes)) {
    if (entry !== undefined) throw syntaxError(file, line.number, 'nothing after the start record (S7, S8 or S9)');
    const { kind, address, from, to } = parseRecord(file, bytes, decoder, line);
    if (kind === 'data') {
      dataRecords++;
      collector.add(address, decoder.record, from, to, line.number);
    } else if (kind === 'count' && address !== dataRecords) {
      throw syntaxError(file, line.number, `${address} data records before this count (there are ${dataRecords})`);
    } else if (kind === 'start') {
      entry = address;
    }
    last = { kind, line: line.number };
  }
  // Without a start address some tools (srec_cat) end with the count, which proves the file whole just as well.
  if (last.kind !== 'start' && last.kind !== 'count') {
    throw syntaxError(
      file,
      last.line,
      'a count or a start record (S5 to S9) after this line; the file may be cut short',
    );
  }
  const segments = collector.segments();
  if (segments.length === 0) throw new FlashlineError('image-empty', { where: { file }, params: { file } });
  return { format: 'srec', segments, ...(entry === undefined ? {} : { entry }) };
}

function parseRecord(file: string, bytes: Uint8Array, decoder: HexDecoder, line: TextLine): SRecord {
  const fail = (expected: string) => syntaxError(file, line.number, expected);
  if (bytes[line.from] !== LETTER_S) throw fail('"S" at the start of a record');
  const type = TYPES[(bytes[line.from + 1] ?? 0) - DIGIT_0];
  if (!type || line.to - line.from < 2) throw fail('a record type from S0 to S3 or S5 to S9');
  const length = decoder.decode(line, 2);
  const { record } = decoder;
  const count = record[0] ?? 0;
  if (length !== count + 1) throw fail(`${count + 1} bytes, as the record’s count says (there are ${length})`);
  const from = 1 + type.address;
  if (count < from) throw fail(`a ${type.address}-byte address and a checksum in the record`);
  let sum = 0;
  for (let i = 0; i < count; i++) sum += record[i] ?? 0;
  const found = record[count] ?? 0;
  if (((sum + found) & 0xff) !== 0xff)
    throw fail(`checksum ${hexByte(~sum)} for these bytes (found ${hexByte(found)})`);
  let address = 0;
  for (let i = 1; i < from; i++) address = address * 256 + (record[i] ?? 0);
  const size = count - from;
  if (type.kind === 'data' && address + size > ADDRESS_SPACE) throw fail('data that ends below 4 GiB');
  if (type.kind !== 'data' && type.kind !== 'header' && size > 0) throw fail('no data in this type of record');
  return { kind: type.kind, address, from, to: count };
}
