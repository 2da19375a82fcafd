import { hexAddress } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { type ChipDescription, flashMemories } from '#shared/model/chip.ts';

export interface FlashRange {
  readonly address: number;
  readonly size: number;
}

/** Pages that the chip's flash controller writes for nobody. Neither setting nor lifting it loses anything. */
export interface WriteProtection {
  /** What is protected now, sorted by address, what follows on one another in one range. */
  read(io: IoContext): Promise<readonly FlashRange[]>;
  /** Why these pages cannot be protected beside those that are; undefined where they can. Only reads. */
  fault(ranges: readonly FlashRange[], io: IoContext): Promise<string | undefined>;
  /** Protects these pages too, and resets the chip. Journal it before. */
  protect(ranges: readonly FlashRange[], io: IoContext): Promise<void>;
  /** Lifts all of it, and resets the chip. Journal it before. */
  lift(io: IoContext): Promise<void>;
  /**
   * Tries to write a word of flash without a bit that would change it, and tells whether the chip refused. Absent where
   * this way of reaching the chip is not told.
   */
  refusesWrite?(address: number, io: IoContext): Promise<boolean>;
}

/** How one chip keeps it: pages by their numbers, counted through all of its flash in the order of its addresses. */
export interface PageLocks {
  /** So many runs of pages at most. */
  readonly mostRuns: number;
  read(io: IoContext): Promise<ReadonlySet<number>>;
  /** These and no others, `added` among them. Resets the chip. */
  write(pages: ReadonlySet<number>, added: readonly number[], io: IoContext): Promise<void>;
  readonly refusesWrite?: (address: number, io: IoContext) => Promise<boolean>;
}

export function writeProtection(chip: ChipDescription, locks: PageLocks): WriteProtection {
  const pages = flashPages(chip);
  const numbersOf = (ranges: readonly FlashRange[]) =>
    [...pages.keys()].filter((index) => ranges.some((range) => overlap(range, pages[index])));
  const union = async (ranges: readonly FlashRange[], io: IoContext) =>
    new Set([...(await locks.read(io)), ...numbersOf(ranges)]);
  return {
    read: async (io) => runsOf(await locks.read(io), pages),
    async fault(ranges, io) {
      const runs = runsOf(await union(ranges, io), pages).length;
      if (runs <= locks.mostRuns) return undefined;
      return `${runs} separate stretches of flash would be protected, and the chip keeps ${locks.mostRuns} here`;
    },
    protect: async (ranges, io) => locks.write(await union(ranges, io), numbersOf(ranges), io),
    lift: (io) => locks.write(new Set(), [], io),
    ...(locks.refusesWrite ? { refusesWrite: locks.refusesWrite } : {}),
  };
}

export function covers(ranges: readonly FlashRange[], { address, size }: FlashRange): boolean {
  return ranges.some((range) => range.address <= address && range.address + range.size >= address + size);
}

/** What records call it. */
export const WRITE_PROTECTION = 'write protection';

/** `none`, or the ranges' first and last addresses. */
export function rangesText(ranges: readonly FlashRange[]): string {
  if (ranges.length === 0) return 'none';
  return ranges.map(({ address, size }) => `${hexAddress(address)} to ${hexAddress(address + size - 1)}`).join(', ');
}

export function overlap(range: FlashRange, other: FlashRange | undefined): boolean {
  return (
    other !== undefined && range.address < other.address + other.size && other.address < range.address + range.size
  );
}

function flashPages(chip: ChipDescription): FlashRange[] {
  return flashMemories(chip)
    .toSorted((a, b) => a.start - b.start)
    .flatMap(({ start, size, page }) =>
      Array.from({ length: size / page }, (_, index) => ({ address: start + index * page, size: page })),
    );
}

function runsOf(numbers: ReadonlySet<number>, pages: readonly FlashRange[]): FlashRange[] {
  const runs: { address: number; size: number }[] = [];
  for (const [index, { address, size }] of pages.entries()) {
    if (!numbers.has(index)) continue;
    const last = runs.at(-1);
    if (last && last.address + last.size === address) last.size += size;
    else runs.push({ address, size });
  }
  return runs;
}

/** STM32F4, nWRP: bit n falls where sector n is protected (RM0090, 3.7.4; SPRMOD stays as shipped). */
export const sectorBits = {
  decode: (nwrp: number, sectors: number): Set<number> =>
    new Set(Array.from({ length: sectors }, (_, index) => index).filter((index) => ((nwrp >>> index) & 1) === 0)),
  encode: (pages: ReadonlySet<number>, sectors: number): number =>
    [...pages].reduce((bits, index) => bits & ~(1 << index), 2 ** sectors - 1),
};

/** STM32G0, WRP1AR and WRP1BR: first page in bits 5:0, last one in bits 21:16; none where the first is past the last. */
export const NO_AREA = 0x3f;
export const pageAreas = {
  decode: (areas: readonly number[]): Set<number> =>
    new Set(
      areas.flatMap((area) => {
        const first = area & 0x3f;
        const last = (area >>> 16) & 0x3f;
        return first > last ? [] : Array.from({ length: last - first + 1 }, (_, index) => first + index);
      }),
    ),
  /** Two of them. Throws RangeError for more runs than that. */
  encode: (pages: ReadonlySet<number>): [number, number] => {
    const sorted = [...pages].toSorted((a, b) => a - b);
    const firsts = sorted.filter((page) => !pages.has(page - 1));
    const lasts = sorted.filter((page) => !pages.has(page + 1));
    if (firsts.length > 2) throw new RangeError(`${firsts.length} areas`);
    const areas = firsts.map((first, index) => first | ((lasts[index] ?? first) << 16));
    return [areas[0] ?? NO_AREA, areas[1] ?? NO_AREA];
  },
};
