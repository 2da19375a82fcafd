import type { IoContext } from '#shared/base/clock.ts';
import type { Progress } from '../../probe/memory-access.ts';
import { orResetting, throughReset } from './after-reset.ts';
import { untilErased } from './mass-erase-wait.ts';
import type { Access } from './protection.ts';
import { pageAreas, type PageLocks } from './write-protection.ts';

/** Flash interface of STM32G0 (RM0444, 3.7), offsets from its base. */
const KEYR = 0x08;
const OPTKEYR = 0x0c;
const SR = 0x10;
const CR = 0x14;
export const OPTR = 0x20;
const WRP1AR = 0x2c;
const WRP1BR = 0x30;
const FLASH_KEYS = [0x4567_0123, 0xcdef_89ab] as const;
const OPTION_KEYS = [0x0819_2a3b, 0x4c5d_6e7f] as const;
/** SR: BSY1, BSY2 and CFGBSY. */
const BUSY = 0x7_0000;
const WRPERR = 0x10;
/** SR: EOP and all errors, cleared by writing them. */
const FLAGS = 0xc3fb;
const PG = 0x1;
const OPTSTRT = 0x2_0000;
/** Loads the option bytes anew, and resets the chip for that. */
const OBL_LAUNCH = 0x800_0000;
const OPTLOCK = 0x4000_0000;
const LOCK = 0x8000_0000;

/** The option registers: where a chip keeps its protections. */
export class Stm32g0Options {
  readonly #access: Access;

  constructor(access: Access) {
    this.#access = access;
  }

  get #base(): number {
    return this.#access.chip.controller.base;
  }

  read(register: number, io: IoContext): Promise<number> {
    return this.#access.memory.readWord(this.#base + register, io);
  }

  /** Programs the option bytes, of which `values` change, and has the chip load them. */
  async change(values: ReadonlyMap<number, number>, io: IoContext, progress?: Progress): Promise<void> {
    const { core, memory } = this.#access;
    await orResetting(core.halt(io));
    await this.#untilIdle(io);
    await this.#open(io);
    for (const [register, value] of values) await memory.writeWord(this.#base + register, value >>> 0, io);
    await memory.writeWord(this.#base + CR, OPTSTRT, io);
    await this.#untilIdle(io, progress);
    await throughReset(this.#access, () => memory.writeWord(this.#base + CR, OBL_LAUNCH, io), io);
  }

  /**
   * Words of ones, the first of which a protected page refuses. A page that is open takes both, and no double word in use
   * takes ones: PROGERR.
   */
  async refusesWrite(address: number, io: IoContext): Promise<boolean> {
    const { core, memory } = this.#access;
    await orResetting(core.halt(io));
    await this.#openControl(io);
    await memory.writeWord(this.#base + SR, FLAGS, io);
    await memory.writeWord(this.#base + CR, PG, io);
    await memory.writeWord(address, 0xffff_ffff, io);
    const refused = ((await this.read(SR, io)) & WRPERR) !== 0;
    if (!refused) await memory.writeWord(address + 4, 0xffff_ffff, io);
    await this.#untilIdle(io);
    await memory.writeWord(this.#base + SR, FLAGS, io);
    await memory.writeWord(this.#base + CR, LOCK, io);
    return refused;
  }

  /** A key sequence that comes when its lock is open already would lock the register until the next reset. */
  async #openControl(io: IoContext): Promise<number> {
    const { memory } = this.#access;
    const control = await this.read(CR, io);
    if (control & LOCK) for (const key of FLASH_KEYS) await memory.writeWord(this.#base + KEYR, key, io);
    return control;
  }

  async #open(io: IoContext): Promise<void> {
    const control = await this.#openControl(io);
    if ((control & OPTLOCK) === 0) return;
    for (const key of OPTION_KEYS) await this.#access.memory.writeWord(this.#base + OPTKEYR, key, io);
  }

  #untilIdle(io: IoContext, progress?: Progress): Promise<void> {
    return untilErased(this.#access.chip, async () => ((await this.read(SR, io)) & BUSY) === 0, io, progress);
  }
}

export function stm32g0Locks(access: Access): PageLocks {
  const options = new Stm32g0Options(access);
  return {
    mostRuns: 2,
    read: async (io) => pageAreas.decode([await options.read(WRP1AR, io), await options.read(WRP1BR, io)]),
    write(pages, _, io) {
      const [first, second] = pageAreas.encode(pages);
      return options.change(
        new Map([
          [WRP1AR, first],
          [WRP1BR, second],
        ]),
        io,
      );
    },
    refusesWrite: (address, io) => options.refusesWrite(address, io),
  };
}
