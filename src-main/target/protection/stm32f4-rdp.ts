import type { Access, ProtectionKind } from './protection.ts';
import { LEVEL_0, LEVEL_1, rdpState } from './rdp.ts';
import { Stm32f4Options } from './stm32f4-options.ts';

/** OPTCR.RDP in bits 15-8 (RM0090, 3.9.10). */
const RDP_SHIFT = 8;
const RDP_MASK = 0xff00;

export function stm32f4Rdp(access: Access): ProtectionKind {
  const options = new Stm32f4Options(access);
  const setLevel = (rdp: number) => (before: number) => (before & ~RDP_MASK) | (rdp << RDP_SHIFT);
  return {
    tellsPart: true,
    tellsUid: true,
    async read(io) {
      return rdpState(((await options.read(io)) & RDP_MASK) >>> RDP_SHIFT);
    },
    /** From level 1 to level 0 the chip erases all its flash before it writes the option byte (3.7.3). */
    massErase: (io, progress) => options.change(setLevel(LEVEL_0), io, progress),
    setLock: (io) => options.change(setLevel(LEVEL_1), io),
  };
}
