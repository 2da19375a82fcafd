import { crc32 } from 'node:zlib';

export interface RawEntry {
  readonly name: string;
  readonly bytes: Uint8Array | string;
  /** Unix mode; left out: a plain file. */
  readonly mode?: number;
}

const UTF8 = 0x0800;
const UNIX = 3 << 8;
const DOS_DATE = 0x0021;

/** A zip of stored files with any names whatever, also those that no honest tool writes (APPNOTE 6.3.10, 4.3). */
export function rawZip(entries: readonly RawEntry[]): Uint8Array {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, bytes, mode = 0o100644 } of entries) {
    const data = Buffer.from(bytes as string);
    const path = Buffer.from(name);
    const local = Buffer.concat([header(0x04034b50, [20, UTF8, 0, 0, DOS_DATE]), sizes(data, path, 0), path, data]);
    const central = Buffer.concat([
      header(0x02014b50, [UNIX | 20, 20, UTF8, 0, 0, DOS_DATE]),
      sizes(data, path, 0),
      shorts([0, 0, 0]),
      longs([(mode << 16) >>> 0, offset]),
      path,
    ]);
    locals.push(local);
    directory.push(central);
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.concat([
    header(0x06054b50, [0, 0, entries.length, entries.length]),
    longs([central.length, offset]),
    shorts([0]),
  ]);
  return new Uint8Array(Buffer.concat([...locals, central, end]));
}

function sizes(data: Buffer, path: Buffer, extra: number): Buffer {
  return Buffer.concat([longs([crc32(data), data.length, data.length]), shorts([path.length, extra])]);
}

function header(magic: number, values: readonly number[]): Buffer {
  return Buffer.concat([longs([magic]), shorts(values)]);
}

function shorts(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  values.forEach((value, index) => bytes.writeUInt16LE(value, index * 2));
  return bytes;
}

function longs(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => bytes.writeUInt32LE(value, index * 4));
  return bytes;
}
