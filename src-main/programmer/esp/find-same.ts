import { isFilledWith } from '#shared/base/bytes.ts';
import type { Progress } from '../../probe/memory-access.ts';

export interface FindSame {
  readonly wanted: Uint8Array;
  readonly page: number;
  /** How much of `wanted` from an offset on is hashed at once to begin with. */
  readonly part: (offset: number) => number;
  /** Whether the unit holds just these bytes there, by one digest of its own. */
  readonly isSame: (offset: number, bytes: Uint8Array) => Promise<boolean>;
  /** When looking closer no longer pays: what is not known by then counts as other. */
  readonly giveUpAt: number;
  readonly now: () => number;
  readonly progress?: Progress | undefined;
}

/** Pages that are looked at first: a unit in which none of them is right holds something else altogether. */
const SAMPLES = 8;

/**
 * Which pages of the unit hold what is wanted, by digests: of everything where it may all be right, and of halves of what is not. An
 * unchanged unit costs one pass, a blank or altogether different one hardly anything.
 */
export async function findSame(look: FindSame): Promise<boolean[]> {
  const { wanted, page, isSame } = look;
  const pages = wanted.length / page;
  const found = Array.from({ length: pages }, () => false);
  const at = (index: number, count = 1) => wanted.subarray(index * page, (index + count) * page);
  const samples = sampled(pages, (index) => !isFilledWith(at(index), 0xff));
  let some = false;
  for (const index of pages > SAMPLES ? samples : []) {
    if (await isSame(index * page, at(index))) {
      some = true;
      break;
    }
  }
  if (pages > SAMPLES && !some) {
    look.progress?.(wanted.length);
    return found;
  }
  const compare = async (first: number, count: number, isKnownOther = false): Promise<boolean> => {
    if (!isKnownOther && (await isSame(first * page, at(first, count)))) {
      found.fill(true, first, first + count);
      return true;
    }
    if (count > 1 && look.now() < look.giveUpAt) {
      const half = Math.ceil(count / 2);
      // Where a half is right, it is the other that makes the difference.
      const isOther = await compare(first, half);
      await compare(first + half, count - half, isOther);
    }
    return false;
  };
  for (let offset = 0; offset < wanted.length;) {
    const size = Math.min(look.part(offset), wanted.length - offset);
    await compare(offset / page, size / page);
    offset += size;
    look.progress?.(offset);
  }
  return found;
}

/** Evenly spread among those that say something; where all are blank, among all. */
function sampled(pages: number, says: (index: number) => boolean): number[] {
  const all = Array.from({ length: pages }, (_, index) => index);
  const telling = all.filter(says);
  const from = telling.length > 0 ? telling : all;
  const count = Math.min(SAMPLES, from.length);
  return Array.from({ length: count }, (_, index) => from[Math.floor((index * from.length) / count)] ?? 0);
}
