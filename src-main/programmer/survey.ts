import { isFilledWith } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import type { FlashMemory } from '#shared/model/chip.ts';
import { pageDigest } from '../plan/page-digest.ts';
import type { PageState } from '../plan/page-state.ts';
import type { Progress } from '../probe/memory-access.ts';
import type { FlashDevice } from './flash-device.ts';

/** The states of the whole pages in [address, address + size), in the device's own way or by reading them. */
export async function surveyPages(
  device: Pick<FlashDevice, 'survey' | 'read'>,
  memory: FlashMemory,
  address: number,
  size: number,
  io: IoContext,
  progress?: Progress,
): Promise<PageState[]> {
  if (device.survey) return device.survey(memory, address, size, io, progress);
  return pageStates(memory, address, await device.read(address, size, io, progress));
}

/** The states of whole pages from their bytes, read from `address` on. */
export function pageStates(memory: FlashMemory, address: number, bytes: Uint8Array): PageState[] {
  return Array.from({ length: bytes.length / memory.page }, (_, index) => {
    const page = bytes.subarray(index * memory.page, (index + 1) * memory.page);
    return {
      address: address + index * memory.page,
      blank: isFilledWith(page, memory.erased),
      digest: pageDigest(page),
    };
  });
}
