import type { IoContext } from '#shared/base/clock.ts';
import type { Progress } from '../../probe/memory-access.ts';
import { orResetting, systemReset } from './after-reset.ts';
import { untilErased } from './mass-erase-wait.ts';
import type { Access, ProtectionKind } from './protection.ts';
import { LEVEL_0, LEVEL_1, rdpState } from './rdp.ts';

/** Flash interface of STM32F4 (RM0090, 3.9), offsets from its base. */
const OPTKEYR = 0x08;
const SR = 0x0c;
const OPTCR = 0x14;
const OPTION_KEYS = [0x0819_2a3b, 0x4c5d_6e7f] as const;
const OPTLOCK = 0x1;
const OPTSTRT = 0x2;
const BSY = 0x1_0000;
/** OPTCR.RDP in bits 15-8. */
const RDP_SHIFT = 8;
const RDP_MASK = 0xff00;

export function stm32f4Rdp(access: Access): ProtectionKind {
  const { memory, core, chip } = access;
  const { base } = chip.controller;
  return {
    tellsPart: true,
    tellsUid: true,
    async read(io) {
      return rdpState(((await memory.readWord(base + OPTCR, io)) & RDP_MASK) >>> RDP_SHIFT);
    },
    /** From level 1 to level 0 the chip erases all its flash before it writes the option byte (3.7.3). */
    massErase: (io, progress) => setLevel(LEVEL_0, io, progress),
    setLock: (io) => setLevel(LEVEL_1, io),
  };

  async function setLevel(rdp: number, io: IoContext, progress?: Progress): Promise<void> {
    await orResetting(core.halt(io));
    await untilIdle(io);
    for (const key of OPTION_KEYS) await memory.writeWord(base + OPTKEYR, key, io);
    const options = (await memory.readWord(base + OPTCR, io)) & ~(RDP_MASK | OPTLOCK | OPTSTRT);
    const wanted = (options | (rdp << RDP_SHIFT)) >>> 0;
    await memory.writeWord(base + OPTCR, wanted, io);
    await memory.writeWord(base + OPTCR, wanted | OPTSTRT, io);
    await untilIdle(io, progress);
    await memory.writeWord(base + OPTCR, wanted | OPTLOCK, io);
    await systemReset(access, io);
  }

  function untilIdle(io: IoContext, progress?: Progress): Promise<void> {
    return untilErased(chip, async () => ((await memory.readWord(base + SR, io)) & BSY) === 0, io, progress);
  }
}
