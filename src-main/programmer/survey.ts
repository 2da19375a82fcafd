import { isFilledWith } from '#shared/base/bytes.ts';
import { crc32 } from '#shared/base/digest.ts';
import type { FlashMemory } from '#shared/model/chip.ts';
import type { PageState } from '../plan/page-state.ts';

/** The states of whole pages from their bytes, read from `address` on. */
export function pageStates(memory: FlashMemory, address: number, bytes: Uint8Array): PageState[] {
  return Array.from({ length: bytes.length / memory.page }, (_, index) => {
    const page = bytes.subarray(index * memory.page, (index + 1) * memory.page);
    return { address: address + index * memory.page, blank: isFilledWith(page, memory.erased), crc32: crc32(page) };
  });
}
