import type { FlashMemory } from '#shared/model/chip.ts';

/** What one command of the flash erases. */
export interface EraseUnit {
  readonly address: number;
  readonly size: number;
  readonly ms: number;
}

/** The commands that erase the whole pages in [address, address + size) and nothing else, larger blocks where they are cheaper. */
export function eraseUnits(memory: FlashMemory, address: number, size: number): EraseUnit[] {
  const blocks = blocksOf(memory);
  const units: EraseUnit[] = [];
  const end = address + size;
  for (let at = address; at < end;) {
    const block = blocks.find((candidate) => (at - memory.start) % candidate.size === 0 && at + candidate.size <= end);
    const unit = { address: at, size: block?.size ?? memory.page, ms: block?.ms ?? memory.eraseMs };
    units.push(unit);
    at += unit.size;
  }
  return units;
}

/** Typical milliseconds. */
export function eraseMs(memory: FlashMemory, address: number, size: number): number {
  return eraseUnits(memory, address, size).reduce((sum, { ms }) => sum + ms, 0);
}

/**
 * The pages to erase, by address: `must`, and of those that may as well be erased (`may`, blank ones say) what lies in
 * a block whose one command costs less than its pages' own.
 */
export function pagesToErase(memory: FlashMemory, must: ReadonlySet<number>, may: ReadonlySet<number>): Set<number> {
  const chosen = new Set(must);
  for (const { size, ms } of blocksOf(memory)) {
    const starts = new Set([...must].map((page) => page - ((page - memory.start) % size)));
    for (const start of starts) {
      const pages = Array.from({ length: size / memory.page }, (_, index) => start + index * memory.page);
      const needed = pages.filter((page) => must.has(page)).length;
      if (needed * memory.eraseMs <= ms || !pages.every((page) => must.has(page) || may.has(page))) continue;
      for (const page of pages) chosen.add(page);
    }
  }
  return chosen;
}

/** The largest first; only those that cost less than their pages one by one. */
function blocksOf(memory: FlashMemory): readonly { readonly size: number; readonly ms: number }[] {
  return (memory.eraseBlocks ?? [])
    .filter(({ size, ms }) => ms < (size / memory.page) * memory.eraseMs)
    .toSorted((a, b) => b.size - a.size);
}
