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
 * Which pages of the unit hold what is wanted, by digests: of everything where it may all be right, and of parts of what is not. An
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
  const isSamePages = (first: number, count: number) => isSame(first * page, at(first, count));
  const gaveUp = () => look.now() >= look.giveUpAt;
  for (let offset = 0; offset < wanted.length;) {
    const size = Math.min(look.part(offset), wanted.length - offset);
    const range = { first: offset / page, end: (offset + size) / page };
    await search(range, isSamePages, gaveUp, (first, end) => found.fill(true, first, end));
    offset += size;
    look.progress?.(offset);
  }
  return found;
}

/**
 * A range as a whole; where it differs, its parts from the left: half as much at a time down to the page that differs, from there on
 * single pages, and twice as much at a time with each that is right. What is changed is mostly one stretch: then about as many
 * questions as it has pages find it.
 */
async function search(
  { first, end }: { readonly first: number; readonly end: number },
  isSame: (first: number, count: number) => Promise<boolean>,
  gaveUp: () => boolean,
  same: (first: number, end: number) => void,
): Promise<void> {
  let size = end - first;
  /** Something differs before here, and not before `at`: a question about just that is needless. */
  let differsBefore = Infinity;
  for (let at = first; at < end;) {
    const count = Math.min(size, end - at);
    if (at + count < differsBefore && (await isSame(at, count))) {
      same(at, at + count);
      at += count;
      size = count * 2;
    } else if (count === 1) {
      at += 1;
      size = 1;
      differsBefore = Infinity;
    } else {
      if (gaveUp()) return;
      differsBefore = Math.min(differsBefore, at + count);
      size = Math.ceil((differsBefore - at) / 2);
    }
  }
}

/** Evenly spread among those that say something; where all are blank, among all. */
function sampled(pages: number, says: (index: number) => boolean): number[] {
  const all = Array.from({ length: pages }, (_, index) => index);
  const telling = all.filter(says);
  const from = telling.length > 0 ? telling : all;
  const count = Math.min(SAMPLES, from.length);
  return Array.from({ length: count }, (_, index) => from[Math.floor((index * from.length) / count)] ?? 0);
}
