import type { IoContext } from '#shared/base/clock.ts';
import type { EfuseField, EspEfuse } from '#shared/model/interfaces/esp-efuse.ts';
import type { Registers } from './registers.ts';

/** Bits of a block of words, the lowest first; at most 32. */
export function bitsOf(words: readonly number[], bit: number, size: number): number {
  let value = 0;
  for (let index = 0; index < size; index++) {
    const at = bit + index;
    if ((((words[at >>> 5] ?? 0) >>> (at & 31)) & 1) === 1) value += 2 ** index;
  }
  return value;
}

/** How many of its bits are burnt. */
export function onesOf(value: number): number {
  let ones = 0;
  for (let rest = value >>> 0; rest !== 0; rest >>>= 1) ones += rest & 1;
  return ones;
}

/** Throws where the chip's description has no such field. */
export function fieldOf(efuse: EspEfuse, name: string): EfuseField {
  const field = efuse.fields.find((each) => each.name === name);
  if (!field) throw new RangeError(`no eFuse field ${name}`);
  return field;
}

/**
 * What the eFuse controller read last, word by word; each is asked for once. Words that were read-protected are zeros.
 */
export class EfuseReader {
  readonly #loader: Registers;
  readonly #efuse: EspEfuse;
  readonly #words = new Map<number, number>();

  constructor(loader: Registers, efuse: EspEfuse) {
    this.#loader = loader;
    this.#efuse = efuse;
  }

  async word(block: number, index: number, io: IoContext): Promise<number> {
    const address = this.#efuse.base + (this.#efuse.blocks[block]?.read ?? 0) + index * 4;
    const known = this.#words.get(address);
    if (known !== undefined) return known;
    const word = await this.#loader.readRegister(address, io);
    this.#words.set(address, word);
    return word;
  }

  async block(block: number, io: IoContext): Promise<number[]> {
    const words: number[] = [];
    for (let index = 0; index < (this.#efuse.blocks[block]?.words ?? 0); index++) {
      words.push(await this.word(block, index, io));
    }
    return words;
  }

  /** Of up to 32 bits. */
  async value(name: string, io: IoContext): Promise<number> {
    const { block, bit, size } = fieldOf(this.#efuse, name);
    const words: number[] = [];
    for (let index = bit >>> 5; index <= (bit + size - 1) >>> 5; index++)
      words[index] = await this.word(block, index, io);
    return bitsOf(words, bit, size);
  }

  /** The next look is at the chip again. */
  forget(): void {
    this.#words.clear();
  }
}
