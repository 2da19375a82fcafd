import type { ProtectionState } from './protection.ts';

/** STM32 read-out protection: two values name their levels, every other one is level 1 (RM0090, 3.7.3; RM0444, 3.5). */
export const LEVEL_0 = 0xaa;
const LEVEL_2 = 0xcc;
/** One of the many values of level 1. */
export const LEVEL_1 = 0x55;

export function rdpState(rdp: number): ProtectionState {
  const level = rdp === LEVEL_0 ? 0 : rdp === LEVEL_2 ? 2 : 1;
  const word = `0x${rdp.toString(16).toUpperCase().padStart(2, '0')}`;
  return { locked: level > 0, forGood: level === 2, observed: { RDP: `level ${level} (${word})` } };
}
