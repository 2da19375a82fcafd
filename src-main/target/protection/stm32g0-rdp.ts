import type { IoContext } from '#shared/base/clock.ts';
import type { Progress } from '../../probe/memory-access.ts';
import { orResetting, throughReset } from './after-reset.ts';
import { untilErased } from './mass-erase-wait.ts';
import type { Access, ProtectionKind } from './protection.ts';
import { LEVEL_0, LEVEL_1, rdpState } from './rdp.ts';

/** Flash interface of STM32G0 (RM0444, 3.7), offsets from its base. */
const KEYR = 0x08;
const OPTKEYR = 0x0c;
const SR = 0x10;
const CR = 0x14;
const OPTR = 0x20;
const FLASH_KEYS = [0x4567_0123, 0xcdef_89ab] as const;
const OPTION_KEYS = [0x0819_2a3b, 0x4c5d_6e7f] as const;
/** SR: BSY1, BSY2 and CFGBSY. */
const BUSY = 0x7_0000;
const OPTSTRT = 0x2_0000;
/** Loads the option bytes anew, and resets the chip for that. */
const OBL_LAUNCH = 0x800_0000;
const OPTLOCK = 0x4000_0000;
const LOCK = 0x8000_0000;
/** OPTR.RDP in bits 7-0. */
const RDP_MASK = 0xff;

export function stm32g0Rdp(access: Access): ProtectionKind {
  const { memory, core, chip } = access;
  const { base } = chip.controller;
  return {
    tellsPart: true,
    tellsUid: true,
    async read(io) {
      return rdpState((await memory.readWord(base + OPTR, io)) & RDP_MASK);
    },
    /** From level 1 to level 0 the chip erases all its flash before it writes the option byte (RM0444, 3.5.1). */
    massErase: (io, progress) => setLevel(LEVEL_0, io, progress),
    setLock: (io) => setLevel(LEVEL_1, io),
  };

  async function setLevel(rdp: number, io: IoContext, progress?: Progress): Promise<void> {
    await orResetting(core.halt(io));
    await untilIdle(io);
    await open(io);
    const options = (await memory.readWord(base + OPTR, io)) & ~RDP_MASK;
    await memory.writeWord(base + OPTR, options | rdp, io);
    await memory.writeWord(base + CR, OPTSTRT, io);
    await untilIdle(io, progress);
    await throughReset(access, () => memory.writeWord(base + CR, OBL_LAUNCH, io), io);
  }

  /** A key sequence that comes when its lock is open already would lock the register until the next reset. */
  async function open(io: IoContext): Promise<void> {
    const control = await memory.readWord(base + CR, io);
    if (control & LOCK) for (const key of FLASH_KEYS) await memory.writeWord(base + KEYR, key, io);
    if (control & OPTLOCK) for (const key of OPTION_KEYS) await memory.writeWord(base + OPTKEYR, key, io);
  }

  function untilIdle(io: IoContext, progress?: Progress): Promise<void> {
    return untilErased(chip, async () => ((await memory.readWord(base + SR, io)) & BUSY) === 0, io, progress);
  }
}
