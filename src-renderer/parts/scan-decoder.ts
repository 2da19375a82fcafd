/**
 * Longest usual gap between two keys of a scanner, in milliseconds. Scanners send a key every 8 to 20 ms; nobody types
 * faster than one in 50. Measured between the events' own time stamps, so a busy page changes nothing.
 */
export const SCANNER_GAP_MS = 35;

/**
 * A computer under load may stutter in the middle of a code. Characters this near belong together: a code whose head
 * was cut off could pass for another unit's serial.
 */
export const STUTTER_MS = 120;

const TERMINATORS: ReadonlySet<string> = new Set(['Enter', 'Tab']);

export type Decoded =
  /** Not a key that a code can hold. */
  | { readonly kind: 'none' }
  /** A character; `burst` when it followed another within a scanner's gap. */
  | { readonly kind: 'character'; readonly burst: boolean }
  | { readonly kind: 'scan'; readonly code: string };

/**
 * Tells a keyboard-wedge scanner from a person by time alone: a code is characters and an Enter or Tab that came, but
 * for the odd stutter, in a scanner's gaps.
 */
export class ScanDecoder {
  #text = '';
  #lastAt = Number.NEGATIVE_INFINITY;
  #quickGaps = 0;
  #slowGaps = 0;

  /** `key` as KeyboardEvent.key names it; `at` in milliseconds. */
  press(key: string, at: number): Decoded {
    const isTerminator = TERMINATORS.has(key);
    if (!isTerminator && key.length !== 1) return { kind: 'none' };
    const gap = at - this.#lastAt;
    if (gap > STUTTER_MS) this.#begin();
    else if (gap > SCANNER_GAP_MS) this.#slowGaps++;
    else this.#quickGaps++;
    if (isTerminator) return this.#end();
    this.#text += key;
    this.#lastAt = at;
    return { kind: 'character', burst: gap <= SCANNER_GAP_MS };
  }

  #end(): Decoded {
    const isScan = this.#text !== '' && this.#quickGaps > this.#slowGaps;
    const code = this.#text;
    this.#begin();
    this.#lastAt = Number.NEGATIVE_INFINITY;
    return isScan ? { kind: 'scan', code } : { kind: 'none' };
  }

  #begin(): void {
    this.#text = '';
    this.#quickGaps = 0;
    this.#slowGaps = 0;
  }
}
