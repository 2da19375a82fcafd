/** SQLite's own numbers are big endian (sqlite.org/fileformat2.html). Zero past the end. */
export function readU32be(bytes: Uint8Array, offset: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = bytes.subarray(offset, offset + 4);
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}

/** One to nine bytes, seven bits each (the ninth has eight); null past the end or above what a number holds exactly. */
export function sqliteVarint(bytes: Uint8Array, offset: number): { value: number; next: number } | null {
  let value = 0;
  for (let i = 0; i < 9; i++) {
    const byte = bytes[offset + i];
    if (byte === undefined) return null;
    value = i === 8 ? value * 256 + byte : value * 128 + (byte & 0x7f);
    if (!Number.isSafeInteger(value)) return null;
    if (i === 8 || byte < 0x80) return { value, next: offset + i + 1 };
  }
  return null;
}
