import type { FlashMemory } from '#shared/model/chip.ts';

/** Pages that were looked at, to learn what looking costs here and what it may save. */
export interface Looked {
  readonly pages: number;
  readonly bytes: number;
  readonly ms: number;
  /** As wanted; blank. */
  readonly same: number;
  readonly blank: number;
}

/** Fewer pages than this are looked at without much ado. */
export const FEW_PAGES = 32;
/** Spread over all pages, so that a change at one place does not speak for the others. */
export const TRIAL_PAGES = 8;

/**
 * Whether looking at pages of this memory costs less than it can be expected to save: a page that is as wanted is not
 * written, a blank one not erased. What looking at a byte costs was measured; sending one costs as much.
 */
export function lookingPays(memory: FlashMemory, { pages, bytes, ms, same, blank }: Looked): boolean {
  const looking = (ms / bytes) * memory.page;
  // Half a page of each kind is thought to be seen beside what was: after eight looks nobody can be certain.
  const [isSame, isBlank] = [(same + 0.5) / (pages + 1), (blank + 0.5) / (pages + 1)];
  const erasing = memory.overwrite ? 0 : eraseMsOfPage(memory);
  const writing = erasing + ((memory.page / memory.word) * memory.wordUs) / 1000 + looking;
  return isSame * writing + isBlank * erasing >= looking;
}

function eraseMsOfPage({ eraseMs, eraseBlocks = [], page }: FlashMemory): number {
  return Math.min(eraseMs, ...eraseBlocks.map(({ size, ms }) => (ms * page) / size));
}

/** Places of the trial, spread evenly: one page each. */
export function trialPlaces(pages: number): number[] {
  return Array.from({ length: TRIAL_PAGES }, (_, index) => Math.floor(((index + 0.5) * pages) / TRIAL_PAGES));
}
