import type { IoContext } from '#shared/base/clock.ts';
import type { Progress } from '../../probe/memory-access.ts';
import type { Access, ProtectionKind } from './protection.ts';
import { LEVEL_0, LEVEL_1, rdpState } from './rdp.ts';
import { OPTR, Stm32g0Options } from './stm32g0-options.ts';

/** OPTR.RDP in bits 7-0 (RM0444, 3.7.8). */
const RDP_MASK = 0xff;

export function stm32g0Rdp(access: Access): ProtectionKind {
  const options = new Stm32g0Options(access);
  const setLevel = async (rdp: number, io: IoContext, progress?: Progress) => {
    const before = await options.read(OPTR, io);
    await options.change(new Map([[OPTR, (before & ~RDP_MASK) | rdp]]), io, progress);
  };
  return {
    tellsPart: true,
    tellsUid: true,
    async read(io) {
      return rdpState((await options.read(OPTR, io)) & RDP_MASK);
    },
    /** From level 1 to level 0 the chip erases all its flash before it writes the option byte (RM0444, 3.5.1). */
    massErase: (io, progress) => setLevel(LEVEL_0, io, progress),
    setLock: (io) => setLevel(LEVEL_1, io),
  };
}
