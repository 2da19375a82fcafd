import { fromHex } from '#shared/base/bytes.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { csvRows } from '../csv-rows.ts';
import { isNvsInteger, type NvsEntry, type NvsValue } from './nvs-format.ts';

/** One line of Espressif's CSV (ESP-IDF, "NVS Partition Generator Utility"); of a `file` row the value is the file's bytes. */
export interface NvsRow {
  readonly line: number;
  readonly namespace: string;
  readonly key: string;
  readonly encoding: string;
  readonly value: string;
  readonly isFile: boolean;
}

const COLUMNS = ['key', 'type', 'encoding', 'value'];

/** Throws `image-syntax`. What a `file` row names is read by whoever can read files. */
export function readNvsCsv(file: string, text: string): NvsRow[] {
  const [head, ...rows] = csvRows(text);
  const names = head?.cells.map((name) => name.trim()) ?? [];
  if (COLUMNS.some((name, index) => names[index] !== name))
    throw syntax(file, head?.line ?? 1, `the columns ${COLUMNS.join(',')}`);
  let namespace: string | undefined;
  return rows.flatMap(({ line, cells }) => {
    const [key = '', type = '', encoding = '', value = ''] = cells;
    if (type === 'namespace') {
      namespace = key;
      return [];
    }
    if (type !== 'data' && type !== 'file')
      throw syntax(file, line, `the type namespace, data or file instead of ${JSON.stringify(type)}`);
    if (namespace === undefined) throw syntax(file, line, 'a row of the type namespace before the first key');
    return [{ line, namespace, key, encoding: encoding.toLowerCase(), value, isFile: type === 'file' }];
  });
}

/** The row as an entry; `content` is what its file holds. Throws `image-syntax`. */
export function nvsEntryOf(file: string, row: NvsRow, content?: Uint8Array): NvsEntry {
  const { namespace, key, line, encoding } = row;
  const text = content === undefined ? row.value : new TextDecoder().decode(content);
  const fail = (expected: string) => syntax(file, line, expected);
  return { namespace, key, ...nvsValueOf(encoding, text, content, fail) };
}

function nvsValueOf(
  encoding: string,
  text: string,
  content: Uint8Array | undefined,
  fail: (expected: string) => Error,
): NvsValue {
  if (isNvsInteger(encoding)) {
    const number = text.trim();
    if (!/^[+-]?[0-9]+$|^0x[0-9a-f]+$/iu.test(number)) throw fail(`a whole number instead of ${JSON.stringify(text)}`);
    return { type: encoding, value: BigInt(number.replace(/^\+/u, '')) };
  }
  switch (encoding) {
    case 'string':
      return { type: 'string', value: text };
    case 'binary':
      return { type: 'blob', value: content ?? new TextEncoder().encode(text) };
    case 'hex2bin':
      try {
        return { type: 'blob', value: fromHex(text.trim()) };
      } catch {
        throw fail('a whole number of hexadecimal bytes');
      }
    case 'base64':
      try {
        return { type: 'blob', value: Uint8Array.from(atob(text.trim()), (character) => character.charCodeAt(0)) };
      } catch {
        throw fail('Base64');
      }
    default:
      throw fail(
        `an encoding such as u8, i64, string, hex2bin, base64 or binary instead of ${JSON.stringify(encoding)}`,
      );
  }
}

function syntax(file: string, line: number, expected: string): FlashlineError {
  return new FlashlineError('image-syntax', { where: { file, line }, params: { expected } });
}
