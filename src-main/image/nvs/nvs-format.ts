import { crc32 } from '#shared/base/digest.ts';

/**
 * ESP-IDF's Non-Volatile Storage (ESP-IDF programming guide, "NVS Flash": Internals). Pages of 4096 bytes, little endian:
 *
 * | byte | 0-3   | 4-7      | 8                        | 28-31             | 32-63               | 64-4095             |
 * |------|-------|----------|--------------------------|-------------------|---------------------|---------------------|
 * |      | state | sequence | FF: version 1, FE: 2     | CRC of bytes 4-27 | 2 bits an entry     | 126 entries         |
 *
 * An entry: 0 namespace, 1 type, 2 span (entries that it takes), 3 chunk, 4-7 CRC of all its other bytes, 8-23 key (zeros behind it),
 * 24-31 the value, or of a string or blob: 24-25 size, 28-31 CRC of the data, which stands in the entries that follow.
 */
export const NVS_PAGE = 4096;
export const NVS_ENTRY = 32;
export const NVS_ENTRIES = 126;
export const NVS_BITMAP = 32;
export const NVS_FIRST_ENTRY = 64;
/** The terminating zero does not count. */
export const NVS_KEY_BYTES = 15;

export type NvsVersion = 1 | 2;
export const NVS_VERSION_BYTE: Readonly<Record<NvsVersion, number>> = { 1: 0xff, 2: 0xfe };

/** Bits fall as a page ages. */
export const NvsPageState = {
  empty: 0xffffffff,
  active: 0xfffffffe,
  full: 0xfffffffc,
  freeing: 0xfffffff8,
  corrupt: 0,
};

export const NVS_INTEGERS = {
  u8: { code: 0x01, bits: 8, signed: false },
  i8: { code: 0x11, bits: 8, signed: true },
  u16: { code: 0x02, bits: 16, signed: false },
  i16: { code: 0x12, bits: 16, signed: true },
  u32: { code: 0x04, bits: 32, signed: false },
  i32: { code: 0x14, bits: 32, signed: true },
  u64: { code: 0x08, bits: 64, signed: false },
  i64: { code: 0x18, bits: 64, signed: true },
} as const;
export type NvsInteger = keyof typeof NVS_INTEGERS;

/** What stands in other entries; `blob` is version 1's, `blobData` and `blobIndex` are version 2's. */
export const NvsType = { string: 0x21, blob: 0x41, blobData: 0x42, blobIndex: 0x48 } as const;
export const NVS_ANY_CHUNK = 0xff;

export type NvsValue =
  | { readonly type: NvsInteger; readonly value: bigint }
  /** Without its terminating zero. */
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'blob'; readonly value: Uint8Array };

export type NvsEntry = NvsValue & { readonly namespace: string; readonly key: string };

export function isNvsInteger(type: string): type is NvsInteger {
  return Object.hasOwn(NVS_INTEGERS, type);
}

export function nvsCrc(bytes: Uint8Array): number {
  return crc32(bytes, 0xffffffff);
}

/** Of an entry's header: everything but the CRC itself. */
export function nvsEntryCrc(entry: Uint8Array): number {
  return nvsCrc(Uint8Array.of(...entry.subarray(0, 4), ...entry.subarray(8, NVS_ENTRY)));
}

export function nvsPageCrc(page: Uint8Array): number {
  return nvsCrc(page.subarray(4, 28));
}
