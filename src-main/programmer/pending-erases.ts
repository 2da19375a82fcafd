import type { FlashMemory } from '#shared/model/chip.ts';

/** Pages that a boot loader, which erases only as it writes, shall have erased: done when one is written or looked at. */
export class PendingErases {
  readonly #pages = new Map<number, FlashMemory>();

  add(memory: FlashMemory, address: number, size: number): void {
    for (let start = address; start < address + size; start += memory.page) this.#pages.set(start, memory);
  }

  /** Whether the page that starts there was waiting; it is not any more. */
  take(start: number): boolean {
    return this.#pages.delete(start);
  }

  /** Those that reach into [address, address + length), by address. */
  within(address: number, length: number): { readonly start: number; readonly memory: FlashMemory }[] {
    return [...this.#pages]
      .filter(([start, { page }]) => start < address + length && address < start + page)
      .toSorted(([a], [b]) => a - b)
      .map(([start, memory]) => ({ start, memory }));
  }
}
