import { readU32, wordsToBytes } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import type { EspEfuse } from '#shared/model/interfaces/esp-efuse.ts';
import { OP, writeRegisters } from '../commands.ts';
import { LineTrouble, Refused } from '../loader.ts';
import type { Registers } from './registers.ts';
import { coded, reedSolomon, schemeOf } from './coding.ts';
import { bitsOf, fieldOf } from './reader.ts';

/** TRMs, eFuse Controller: operation codes, commands, and where a command's block stands. */
const MAY_BURN = 0x5a5a;
const MAY_READ = 0x5aa5;
const READ = 1;
const BURN = 2;
const BLOCK_SHIFT = 2;
/** PGM_DATA with the check values behind it. */
const STAGE_WORDS = 11;
const LOOKS = 50;
/** Between 26 and 40 MHz. */
const CRYSTAL_MHZ = 33;

/**
 * The controller's registers, one write a request, so that each may be the last. What is staged is read back before the
 * command is given: a register's write has no checksum on its way. All of it may be done again: bits that are burnt stay so.
 */
export class EfuseBurner {
  readonly #loader: Registers;
  readonly #efuse: EspEfuse;

  constructor(loader: Registers, efuse: EspEfuse) {
    this.#loader = loader;
    this.#efuse = efuse;
  }

  /** The bits of `data` that are 1, coded as the block is; then all blocks are read anew. */
  async burn(block: number, data: Uint8Array, io: IoContext): Promise<void> {
    await this.#idle(io);
    await this.#setTiming(io);
    const stage = await this.#stageOf(block, data, io);
    for (const [offset, word] of stage) await this.#write(offset, word, io);
    for (const [offset, word] of stage) {
      if ((await this.#read(offset, io)) !== word)
        throw new LineTrouble('spoiled', 'what was staged for burning arrived changed');
    }
    await this.#write(this.#efuse.conf, MAY_BURN, io);
    await this.#write(this.#efuse.command, this.#efuse.kind === 'rs' ? BURN | (block << BLOCK_SHIFT) : BURN, io);
    await this.#idle(io);
    for (const [offset, word] of stage) if (word !== 0) await this.#write(offset, 0, io);
    await this.refresh(io);
  }

  /** All blocks are read anew, so that the registers show what is burnt. */
  async refresh(io: IoContext): Promise<void> {
    await this.#idle(io);
    await this.#write(this.#efuse.conf, MAY_READ, io);
    await this.#write(this.#efuse.command, READ, io);
    await this.#idle(io);
  }

  /** Offset and word of every register that a burn takes from: what is not to be burnt is 0. */
  async #stageOf(block: number, data: Uint8Array, io: IoContext): Promise<[number, number][]> {
    const { blocks, kind } = this.#efuse;
    if (kind === 'rs') {
      const bytes = block === 0 ? data : reedSolomon(data);
      return Array.from({ length: STAGE_WORDS }, (_, index) => [index * 4, wordAt(bytes, index)]);
    }
    const { bit, size, block: where } = fieldOf(this.#efuse, 'CODING_SCHEME');
    const zero = await this.#block(where, io);
    const bytes = block === 0 ? data : coded(schemeOf(bitsOf(zero, bit, size)), data);
    return blocks.flatMap(({ write = 0, words }, index) =>
      Array.from({ length: words }, (_, word): [number, number] => [
        write + word * 4,
        index === block ? wordAt(bytes, word) : 0,
      ]),
    );
  }

  async #setTiming(io: IoContext): Promise<void> {
    const mhz = this.#efuse.clockMhz ?? (await this.#crystalMhz(io));
    const rows = this.#efuse.timing[mhz];
    if (!rows) throw new Refused('other', `no timing of eFuses at ${mhz} MHz is known`);
    for (const { register, mask, value } of rows) {
      const word = await this.#read(register, io);
      await this.#write(register, ((word & ~mask) | value) >>> 0, io);
      if (((await this.#read(register, io)) & mask) >>> 0 !== value) {
        throw new LineTrouble('spoiled', 'the eFuses’ timing arrived changed');
      }
    }
  }

  /** UART_CLKDIV: the crystal's periods in a bit. */
  async #crystalMhz(io: IoContext): Promise<number> {
    const divider = await this.#loader.readRegister(this.#efuse.divider ?? 0, io);
    return ((divider & 0xfffff) * this.#loader.baud) / 1e6 > CRYSTAL_MHZ ? 40 : 26;
  }

  async #block(block: number, io: IoContext): Promise<number[]> {
    const { read = 0, words = 0 } = this.#efuse.blocks[block] ?? {};
    const found: number[] = [];
    for (let index = 0; index < words; index++) found.push(await this.#read(read + index * 4, io));
    return found;
  }

  async #idle(io: IoContext): Promise<void> {
    for (let left = LOOKS; left > 0; left--)
      if (((await this.#read(this.#efuse.command, io)) & (READ | BURN)) === 0) return;
    throw new Refused('other', 'the eFuse controller does not finish');
  }

  #read(offset: number, io: IoContext): Promise<number> {
    return this.#loader.readRegister(this.#efuse.base + offset, io);
  }

  async #write(offset: number, value: number, io: IoContext): Promise<void> {
    await this.#loader.ask(OP.WRITE_REG, writeRegisters([{ address: this.#efuse.base + offset, value }]), io);
  }
}

function wordAt(bytes: Uint8Array, index: number): number {
  const padded = new Uint8Array(index * 4 + 4);
  padded.set(bytes.subarray(0, padded.length));
  return readU32(padded, index * 4);
}

/** A block's words as bytes. */
export function bytesOf(words: readonly number[]): Uint8Array {
  return wordsToBytes(words);
}
