/** `jammed`: shut until the next reset, after a wrong key. */
type State = 'locked' | 'first-key' | 'open' | 'jammed';

/** A register that opens by two keys written one after the other, as STM32 flash interfaces have them (RM0090, 3.6.1). */
export class KeyLock {
  readonly #keys: readonly [number, number];
  #state: State = 'locked';

  constructor(first: number, second: number) {
    this.#keys = [first, second];
  }

  get open(): boolean {
    return this.#state === 'open';
  }

  get jammed(): boolean {
    return this.#state === 'jammed';
  }

  /** False when the key was wrong: it is jammed now. */
  turn(key: number): boolean {
    const [first, second] = this.#keys;
    if (this.#state === 'locked' && key >>> 0 === first) this.#state = 'first-key';
    else if (this.#state === 'first-key' && key >>> 0 === second) this.#state = 'open';
    else this.#state = 'jammed';
    return !this.jammed;
  }

  shut(): void {
    if (this.open) this.#state = 'locked';
  }

  reset(): void {
    this.#state = 'locked';
  }
}
