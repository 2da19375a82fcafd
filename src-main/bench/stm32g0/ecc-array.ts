import { FlashArray } from '../flash-array.ts';
import type { Prng } from '../prng.ts';

export interface EccWord {
  readonly value: number;
  /** One cell of the double word was wrong and has been put right, or more were, and nothing could be. */
  readonly ecc: 'good' | 'corrected' | 'broken';
}

type Pair = readonly [low: number, high: number];

const ERASED: Pair = [0xffffffff, 0xffffffff];

/**
 * Flash in double words of 64 bits with 8 of error correction each (RM0444, 3.3.3): one wrong cell is put right when it
 * is read, two are noticed. The code is kept as what it would decode to.
 */
export class EccArray extends FlashArray {
  readonly #codes = new Map<number, Pair | 'broken'>();

  isErased(address: number): boolean {
    const at = startOf(address);
    return !this.#codes.has(at) && super.readWord(at) === 0xffffffff && super.readWord(at + 4) === 0xffffffff;
  }

  read(address: number): EccWord {
    const at = startOf(address);
    const raw = super.readWord(address);
    const code = this.#codes.get(at) ?? ERASED;
    if (code === 'broken') return { value: raw, ecc: 'broken' };
    const wrong = ones(super.readWord(at) ^ code[0]) + ones(super.readWord(at + 4) ^ code[1]);
    if (wrong === 0) return { value: raw, ecc: 'good' };
    return wrong === 1
      ? { value: (address === at ? code[0] : code[1]) >>> 0, ecc: 'corrected' }
      : { value: raw, ecc: 'broken' };
  }

  /** Both words at once; over old content only zeros can be coded. */
  programPair(address: number, low: number, high: number): void {
    super.program(address, low);
    super.program(address + 4, high);
    this.#codes.set(address, [super.readWord(address), super.readWord(address + 4)]);
  }

  pairHalfway(address: number, low: number, high: number, prng: Prng): void {
    super.programHalfway(address, low, prng);
    super.programHalfway(address + 4, high, prng);
    this.#codes.set(address, 'broken');
  }

  /** What the unit held when it came: coded as it stands. */
  override program(address: number, value: number): void {
    super.program(address, value);
    const at = startOf(address);
    this.#codes.set(at, [super.readWord(at), super.readWord(at + 4)]);
  }

  override erasePage(address: number): void {
    super.erasePage(address);
    for (let at = address; at < address + this.page; at += 8) this.#codes.delete(at);
  }

  override eraseAll(): void {
    super.eraseAll();
    this.#codes.clear();
  }

  /** A double word that was blank stays so; what another holds is anybody's guess. */
  override erasePageHalfway(address: number, prng: Prng): void {
    const programmed: number[] = [];
    for (let at = address; at < address + this.page; at += 8) if (!this.isErased(at)) programmed.push(at);
    super.erasePageHalfway(address, prng);
    for (const at of programmed) this.#codes.set(at, 'broken');
  }
}

function startOf(address: number): number {
  return address - (address % 8);
}

function ones(word: number): number {
  let count = 0;
  for (let rest = word >>> 0; rest !== 0; rest = (rest & (rest - 1)) >>> 0) count++;
  return count;
}
