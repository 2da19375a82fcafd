import type { IoContext } from '#shared/base/clock.ts';
import { flashMemories } from '#shared/model/chip.ts';
import type { Progress } from '../../probe/memory-access.ts';
import { orResetting, systemReset } from './after-reset.ts';
import { untilErased } from './mass-erase-wait.ts';
import type { Access } from './protection.ts';
import { type PageLocks, sectorBits } from './write-protection.ts';

/** Flash interface of STM32F4 (RM0090, 3.9), offsets from its base. */
const KEYR = 0x04;
const OPTKEYR = 0x08;
const SR = 0x0c;
const CR = 0x10;
const OPTCR = 0x14;
const FLASH_KEYS = [0x4567_0123, 0xcdef_89ab] as const;
const OPTION_KEYS = [0x0819_2a3b, 0x4c5d_6e7f] as const;
const OPTLOCK = 0x1;
const OPTSTRT = 0x2;
const BSY = 0x1_0000;
const WRPERR = 0x10;
/** SR: EOP and all errors, cleared by writing them. */
const FLAGS = 0xf3;
/** CR: program, 32 bits at a time; LOCK. */
const PROGRAM_WORDS = 0x201;
const LOCK = 0x8000_0000;
/** OPTCR.nWRP in bits 27-16. */
const NWRP_SHIFT = 16;
const NWRP_MASK = 0x0fff_0000;

/** The option control register: where a chip keeps its protections. */
export class Stm32f4Options {
  readonly #access: Access;

  constructor(access: Access) {
    this.#access = access;
  }

  get #base(): number {
    return this.#access.chip.controller.base;
  }

  read(io: IoContext): Promise<number> {
    return this.#access.memory.readWord(this.#base + OPTCR, io);
  }

  /** Programs the option bytes and resets the chip, which then obeys them. */
  async change(to: (options: number) => number, io: IoContext, progress?: Progress): Promise<void> {
    const { core, memory } = this.#access;
    await orResetting(core.halt(io));
    await this.#untilIdle(io);
    for (const key of OPTION_KEYS) await memory.writeWord(this.#base + OPTKEYR, key, io);
    const wanted = (to(await this.read(io)) & ~(OPTLOCK | OPTSTRT)) >>> 0;
    await memory.writeWord(this.#base + OPTCR, wanted, io);
    await memory.writeWord(this.#base + OPTCR, wanted | OPTSTRT, io);
    await this.#untilIdle(io, progress);
    await memory.writeWord(this.#base + OPTCR, (wanted | OPTLOCK) >>> 0, io);
    await systemReset(this.#access, io);
  }

  /** A word of ones changes nothing, whatever the cells hold; that it came to a protected sector is told all the same. */
  async refusesWrite(address: number, io: IoContext): Promise<boolean> {
    const { core, memory } = this.#access;
    await orResetting(core.halt(io));
    const locked = ((await memory.readWord(this.#base + CR, io)) & LOCK) !== 0;
    if (locked) for (const key of FLASH_KEYS) await memory.writeWord(this.#base + KEYR, key, io);
    await memory.writeWord(this.#base + SR, FLAGS, io);
    await memory.writeWord(this.#base + CR, PROGRAM_WORDS, io);
    await memory.writeWord(address, 0xffff_ffff, io);
    await this.#untilIdle(io);
    const status = await memory.readWord(this.#base + SR, io);
    await memory.writeWord(this.#base + SR, FLAGS, io);
    await memory.writeWord(this.#base + CR, LOCK, io);
    return (status & WRPERR) !== 0;
  }

  #untilIdle(io: IoContext, progress?: Progress): Promise<void> {
    const { chip, memory } = this.#access;
    return untilErased(chip, async () => ((await memory.readWord(this.#base + SR, io)) & BSY) === 0, io, progress);
  }
}

export function stm32f4Locks(access: Access): PageLocks {
  const options = new Stm32f4Options(access);
  const sectors = flashMemories(access.chip).reduce((sum, { size, page }) => sum + size / page, 0);
  return {
    mostRuns: sectors,
    read: async (io) => sectorBits.decode(((await options.read(io)) & NWRP_MASK) >>> NWRP_SHIFT, sectors),
    write: (pages, _, io) =>
      options.change((before) => (before & ~NWRP_MASK) | (sectorBits.encode(pages, sectors) << NWRP_SHIFT), io),
    refusesWrite: (address, io) => options.refusesWrite(address, io),
  };
}
