/** One element string, and where its value begins in the code (from 0). */
export interface Placed {
  readonly id: string;
  readonly value: string;
  readonly at: number;
}

/** Why a text is no row of element strings; `at` counts from 0. */
export class Gs1Error extends Error {
  override readonly name = 'Gs1Error';
  readonly at: number;

  constructor(at: number, detail: string) {
    super(detail);
    this.at = at;
  }
}
