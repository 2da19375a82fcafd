import { isFilledWith } from '#shared/base/bytes.ts';
import type { Progress } from '../../probe/memory-access.ts';

/** A part of what is wanted. */
export interface Place {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface FindSame {
  readonly wanted: Uint8Array;
  readonly page: number;
  /** How much of `wanted` from an offset on is hashed at once to begin with. */
  readonly part: (offset: number) => number;
  /**
   * Whether the unit holds just these bytes in each of the places, by digests of its own. Only where it looks `closely` is a no worth
   * as much as a yes.
   */
  readonly areSame: (places: readonly Place[], closely: boolean) => Promise<boolean[]>;
  /** A part that was told to differ does not. */
  readonly wasMisled: () => void;
  /** When looking closer no longer pays: what is not known by then counts as other. */
  readonly giveUpAt: number;
  readonly now: () => number;
  readonly progress?: Progress | undefined;
}

/** Pages that are looked at first: a unit in which none of them is right holds something else altogether. */
const SAMPLES = 8;
/** Parts that are asked for in one go. */
const PARTS = 16;

/**
 * Which pages of the unit hold what is wanted, by digests: of everything where it may all be right, and of each page of a part that is
 * not. An unchanged unit costs one pass, a blank or altogether different one hardly anything.
 */
export async function findSame(look: FindSame): Promise<boolean[]> {
  const { wanted, page } = look;
  const found = Array.from({ length: wanted.length / page }, () => false);
  if (found.length > SAMPLES && !(await someIsRight(look))) {
    look.progress?.(wanted.length);
    return found;
  }
  let isFirst = true;
  for (let offset = 0; offset < wanted.length;) {
    const parts = partsFrom(offset, look);
    const same = await look.areSame(parts, false);
    for (const [index, part] of parts.entries()) {
      const first = part.offset / page;
      offset = part.offset + part.bytes.length;
      if (same[index] === true) found.fill(true, first, offset / page);
      // The first at any rate: a boot loader that is right is not touched, even if it is so small that looking hardly pays.
      else if (isFirst || look.now() < look.giveUpAt) {
        isFirst = false;
        const told = await look.areSame(pagesOf(part, page), true);
        told.forEach((isSame, at) => (found[first + at] = isSame));
        if (!told.includes(false)) {
          look.wasMisled();
          // About the others of these parts it is asked anew.
          break;
        }
      }
      look.progress?.(offset);
    }
  }
  return found;
}

/** One sample is enough; where it is not right the others are asked for in one go. */
async function someIsRight({ wanted, page, areSame }: FindSame): Promise<boolean> {
  const pages = pagesOf({ offset: 0, bytes: wanted }, page);
  const [first, ...others] = sampled(pages);
  if (first && (await areSame([first], true)).includes(true)) return true;
  return others.length > 0 && (await areSame(others, true)).includes(true);
}

function partsFrom(from: number, { wanted, part }: FindSame): Place[] {
  const parts: Place[] = [];
  for (let offset = from; offset < wanted.length && parts.length < PARTS;) {
    const bytes = wanted.subarray(offset, offset + part(offset));
    parts.push({ offset, bytes });
    offset += bytes.length;
  }
  return parts;
}

function pagesOf({ offset, bytes }: Place, page: number): Place[] {
  return Array.from({ length: bytes.length / page }, (_, index) => ({
    offset: offset + index * page,
    bytes: bytes.subarray(index * page, (index + 1) * page),
  }));
}

/** Evenly spread among those that say something; where all are blank, among all. */
function sampled(pages: readonly Place[]): Place[] {
  const telling = pages.filter(({ bytes }) => !isFilledWith(bytes, 0xff));
  const from = telling.length > 0 ? telling : pages;
  const count = Math.min(SAMPLES, from.length);
  return Array.from({ length: count }, (_, index) => from[Math.floor((index * from.length) / count)]).filter(
    (place) => place !== undefined,
  );
}
