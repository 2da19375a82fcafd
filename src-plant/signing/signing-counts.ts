/** How requests ended: `repeated` had its answer before, `failed` found no store that could sign. */
export type SigningEnd = 'signed' | 'repeated' | 'refused' | 'failed';

/** For the metrics of this process. */
export class SigningCounts {
  readonly #counts = new Map<string, { readonly end: SigningEnd; readonly store: string; count: number }>();

  /** `store`: none where nothing was signed. */
  add(end: SigningEnd, store: string): void {
    const key = `${end} ${store}`;
    const row = this.#counts.get(key) ?? { end, store, count: 0 };
    row.count += 1;
    this.#counts.set(key, row);
  }

  rows(): readonly { readonly end: SigningEnd; readonly store: string; readonly count: number }[] {
    return [...this.#counts.values()];
  }
}
