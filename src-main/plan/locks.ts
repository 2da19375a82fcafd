import { hexAddress } from '#shared/base/bytes.ts';
import type { ChipDescription, FlashMemory } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Segment } from '../image/image.ts';

type Lock = ChipDescription['locks'][number];

/**
 * The segment without the chip's lock words. A lock word with its unlocked value says nothing and is dropped, so that
 * it does not make its page one that the image touches; any other value is `image-writes-lock`.
 */
export function withoutLockWords(chip: ChipDescription, segment: Segment, file: string): Segment[] {
  return chip.locks.reduce<Segment[]>((rest, lock) => rest.flatMap((part) => withoutLock(part, lock, file)), [segment]);
}

/** A page of `memory` with nothing in it: erased, but for its lock words, which stay unlocked. */
export function backgroundOf(chip: ChipDescription, memory: FlashMemory, pageAddress: number): Uint8Array {
  const page = new Uint8Array(memory.page).fill(memory.erased);
  for (const lock of chip.locks) {
    unlockedBytes(lock).forEach((byte, index) => {
      const at = lock.address + index - pageAddress;
      if (at >= 0 && at < page.length) page[at] = byte;
    });
  }
  return page;
}

function withoutLock(segment: Segment, lock: Lock, file: string): Segment[] {
  const end = segment.address + segment.data.length;
  const from = Math.max(segment.address, lock.address);
  const to = Math.min(end, lock.address + lock.size);
  if (from >= to) return [segment];
  const unlocked = unlockedBytes(lock);
  for (let address = from; address < to; address++) {
    if (segment.data[address - segment.address] !== unlocked[address - lock.address]) {
      throw new FlashlineError('image-writes-lock', {
        where: { file, address },
        params: { lock: lock.name, address: hexAddress(lock.address) },
      });
    }
  }
  return [
    { address: segment.address, data: segment.data.subarray(0, from - segment.address) },
    { address: to, data: segment.data.subarray(to - segment.address) },
  ].filter((part) => part.data.length > 0);
}

/** Little endian; divided, not shifted, so that words above 32 bits keep their upper bytes. */
function unlockedBytes(lock: Lock): Uint8Array {
  return Uint8Array.from({ length: lock.size }, (_, index) => Math.floor(lock.unlocked / 256 ** index) % 256);
}
