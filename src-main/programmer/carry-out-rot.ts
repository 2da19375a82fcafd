import { equalBytes } from '#shared/base/bytes.ts';
import { type ChipDescription, type FlashMemory, flashMemories } from '#shared/model/chip.ts';
import type { Operation, Plan } from '#shared/model/plan.ts';
import type { Role } from '#shared/model/recipe.ts';
import type { PageRange } from '../plan/layout.ts';
import { memoryNamed } from './carry-out-checks.ts';

/** Pages that a plan keeps and that do not hold what they should, found by one of its operations. */
export interface FoundRot {
  readonly pages: readonly PageRange[];
  /** Everything before it was carried out. */
  readonly operation: Operation;
}

/** Makes the plan for what the unit holds after that. */
export type Replan = (plan: Plan, found: FoundRot) => Plan;

/** Never told to anybody: whoever carries the plan out has a new one made. */
export class RotFound extends Error {
  readonly found: FoundRot;

  constructor(found: FoundRot) {
    super('pages that were kept do not hold what they should');
    this.found = found;
  }
}

interface Input {
  readonly plan: Plan;
  readonly chip: ChipDescription;
  readonly replan?: Replan;
}

/** The pages that a plan leaves as they are, and what comes of those that turn out to be rotten. */
export class KeptPages {
  readonly #input: Input;
  readonly #memories: readonly FlashMemory[];
  /** Starts of the pages that are kept, with their memories. */
  readonly #pages = new Map<number, FlashMemory>();
  /** Roles of which something is programmed: their flags are clear. */
  readonly #open: ReadonlySet<Role>;
  readonly #remembered: PageRange[] = [];
  readonly rot: PageRange[];

  constructor(input: Input, rot: PageRange[]) {
    this.#input = input;
    this.rot = rot;
    const { plan, chip } = input;
    this.#memories = flashMemories(chip);
    this.#open = new Set(
      plan.operations.flatMap((operation) =>
        operation.op === 'program' || operation.op === 'validate' ? [operation.role] : [],
      ),
    );
    for (const { action, memory: name, address, size } of plan.decisions) {
      if (action === 'write') continue;
      const memory = memoryNamed(chip, name);
      for (let at = address; at < address + size; at += memory.page) this.#pages.set(at, memory);
    }
  }

  /** Whether a rotten page of the role can be written at once, later, or not at all. */
  canWrite(role: Role): 'now' | 'later' | 'never' {
    if (this.#open.has(role)) return 'now';
    return this.#input.replan ? 'later' : 'never';
  }

  /** The kept pages in which what was found differs. */
  rotten(address: number, expected: Uint8Array, found: Uint8Array): PageRange[] {
    const pages: PageRange[] = [];
    for (const { address: at, size, kept } of this.split(address, expected.length)) {
      const [from, to] = [at - address, at - address + size];
      if (!kept || equalBytes(expected.subarray(from, to), found.subarray(from, to))) continue;
      pages.push({ memory: kept.memory, address: kept.address, size: kept.memory.page });
    }
    return pages;
  }

  /** The range, page by page where they are kept, else as it is. */
  *split(address: number, size: number): Generator<{ address: number; size: number; kept?: Omit<PageRange, 'size'> }> {
    const end = address + size;
    let other = address;
    for (let at = address; at < end;) {
      const kept = this.#at(at);
      if (!kept) {
        at = this.#nextStart(at, end);
        continue;
      }
      if (other < at) yield { address: other, size: at - other };
      const to = Math.min(end, kept.address + kept.memory.page);
      yield { address: at, size: to - at, kept };
      at = other = to;
    }
    if (other < end) yield { address: other, size: end - other };
  }

  /** A page is written once more, and not again: what then differs is the unit's fault. */
  wrote(pages: readonly PageRange[]): void {
    this.rot.push(...pages);
    for (const { address } of pages) this.#pages.delete(address);
  }

  remember(pages: readonly PageRange[]): void {
    this.#remembered.push(...pages);
  }

  /** Throws RotFound where something was remembered. */
  requireNoRot(operation: Operation): void {
    const pages = this.#remembered.splice(0);
    if (pages.length === 0) return;
    this.wrote(pages);
    throw new RotFound({ pages, operation });
  }

  #at(address: number): { readonly memory: FlashMemory; readonly address: number } | undefined {
    const memory = this.#memories.find(({ start, size }) => address >= start && address < start + size);
    if (!memory) return undefined;
    const start = address - ((address - memory.start) % memory.page);
    return this.#pages.has(start) ? { memory, address: start } : undefined;
  }

  #nextStart(address: number, end: number): number {
    const memory = this.#memories.find(({ start, size }) => address >= start && address < start + size);
    return memory ? address - ((address - memory.start) % memory.page) + memory.page : end;
  }
}
