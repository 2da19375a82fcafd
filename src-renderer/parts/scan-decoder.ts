/**
 * Longest gap between two keys of a scanner, in milliseconds. Scanners send a key every 8 to 20 ms; nobody types
 * faster than one in 50. Measured between the events' own time stamps, so a busy page changes nothing.
 */
export const SCANNER_GAP_MS = 35;

const TERMINATORS: ReadonlySet<string> = new Set(['Enter', 'Tab']);

export type Decoded =
  /** Not a key that a code can hold. */
  | { readonly kind: 'none' }
  /** A character; `burst` when it followed another within a scanner's gap. */
  | { readonly kind: 'character'; readonly burst: boolean }
  | { readonly kind: 'scan'; readonly code: string };

/** Tells a keyboard-wedge scanner from a person by time alone: a code ends with Enter or Tab within a gap of its last character. */
export class ScanDecoder {
  #text = '';
  #lastAt = Number.NEGATIVE_INFINITY;

  /** `key` as KeyboardEvent.key names it; `at` in milliseconds. */
  press(key: string, at: number): Decoded {
    const inBurst = at - this.#lastAt <= SCANNER_GAP_MS;
    if (TERMINATORS.has(key)) {
      const code = inBurst ? this.#text : '';
      this.#text = '';
      this.#lastAt = Number.NEGATIVE_INFINITY;
      return code === '' ? { kind: 'none' } : { kind: 'scan', code };
    }
    if (key.length !== 1) return { kind: 'none' };
    this.#text = inBurst ? this.#text + key : key;
    this.#lastAt = at;
    return { kind: 'character', burst: inBurst };
  }
}
