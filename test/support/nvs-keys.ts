/**
 * What firmware would find in an NVS partition: a reader of its own, by Espressif's description of the format (ESP-IDF, "Non-Volatile
 * Storage Library", internals), which shares no code with ours. Enough for one generation of keys, version 2.
 */
export function nvsKeys(partition: Uint8Array): Map<string, Uint8Array> {
  const names = new Map<number, string>();
  const found = new Map<string, Uint8Array>();
  for (let page = 0; page + 4096 <= partition.length; page += 4096) {
    const view = new DataView(partition.buffer, partition.byteOffset + page, 4096);
    // Active or full; a page that was never used has all bits set.
    if (view.getUint32(0, true) === 0xffff_ffff) continue;
    for (let index = 0; index < 126;) {
      const at = 64 + index * 32;
      const state = (view.getUint8(32 + (index >> 2)) >> ((index & 3) * 2)) & 3;
      const [space, type, span] = [view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2)];
      index += state === 2 ? span : 1;
      // 2: written, 3: never written, 0: erased.
      if (state !== 2) continue;
      const key = new TextDecoder().decode(partition.subarray(page + at + 8, page + at + 24)).replace(/\0.*$/su, '');
      const data = (from: number, size: number) => partition.slice(page + from, page + from + size);
      if (space === 0) names.set(view.getUint8(at + 24), key);
      else if (type === 0x21) put(space, key, data(at + 32, view.getUint16(at + 24, true) - 1));
      else if (type === 0x42) put(space, key, data(at + 32, view.getUint16(at + 24, true)));
      // 0x48 tells of a blob's chunks; integers have their size in the low half.
      else if (type !== 0x48) put(space, key, data(at + 24, type & 0x0f));
    }
  }
  return found;

  function put(space: number, key: string, value: Uint8Array): void {
    const name = `${names.get(space) ?? space}/${key}`;
    // A blob may go on, chunk by chunk.
    found.set(name, Uint8Array.from([...(found.get(name) ?? []), ...value]));
  }
}

/** The bytes that firmware hashes: each field with its length before it (docs/ways/manufacturing.md). */
export function nvsSignedBytes(
  keys: ReadonlyMap<string, Uint8Array>,
  space: string,
  proof: string,
  over: readonly string[],
) {
  const fields = ['flashline-nvs-1', space, proof].map((word) => Buffer.from(word, 'ascii'));
  for (const key of over) fields.push(Buffer.from(keys.get(`${space}/${key}`) ?? []));
  return Buffer.concat(
    fields.flatMap((field) => {
      const { length } = field;
      return [Buffer.from([length & 255, (length >> 8) & 255, (length >> 16) & 255, length >>> 24]), field];
    }),
  );
}
