/** How many different things are kept: who goes on and on is known by then. */
const KEPT = 32;

/** What a flash controller was asked against its manual: each thing once, in the order in which it first came. */
export class Misuse {
  readonly #seen = new Set<string>();

  get list(): readonly string[] {
    return [...this.#seen];
  }

  note(sentence: string): void {
    if (this.#seen.size < KEPT) this.#seen.add(sentence);
  }

  forget(): void {
    this.#seen.clear();
  }
}

export function hex(value: number): string {
  return `0x${(value >>> 0).toString(16).padStart(8, '0')}`;
}
