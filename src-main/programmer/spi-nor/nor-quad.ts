import { assertNever } from '#shared/base/assert-never.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { ask, Opcode, tell, writeEnable } from './nor-commands.ts';
import type { NorChip } from './nor-chip.ts';
import type { QuadEnable } from './sfdp.ts';

/** `none`: its pins are data lines whenever an instruction needs them. */
export type QuadState = 'enabled' | 'disabled' | 'none' | 'unknown';

const SR1_BIT6 = 0x40;
const SR2_BIT1 = 0x02;
const SR2_BIT7 = 0x80;
/** BUSY and the write enable latch are nobody's to write. */
const SR1_WRITABLE = 0xfc;

/** Only reads. */
export async function quadState(nor: NorChip, io: IoContext): Promise<QuadState> {
  const { quadEnable } = await nor.parts(io);
  if (quadEnable === 'none' || quadEnable === 'unknown') return quadEnable;
  return (await register(nor, quadEnable, io)) & bitOf(quadEnable) ? 'enabled' : 'disabled';
}

/**
 * Sets the bit for good (JESD216, DWORD 15, bits 22:20), every other bit as it is. Where register 2 is written behind
 * register 1 both always are: of some chips a write of the first alone clears the second.
 */
export async function enableQuad(nor: NorChip, io: IoContext): Promise<void> {
  const { quadEnable } = await nor.parts(io);
  const { sr1 } = await nor.statusRegisters(io);
  const wanted = (await register(nor, quadEnable, io)) | bitOf(quadEnable);
  switch (quadEnable) {
    case 'sr1-bit6':
      return nor.writeStatus([wanted & SR1_WRITABLE], io);
    case 'sr2-bit1':
      return nor.writeStatus([sr1 & SR1_WRITABLE, wanted], io);
    case 'sr2-bit1-by-31':
      return nor.writeRegister([writeEnable, tell(Opcode.writeStatus2, wanted)], io);
    case 'sr2-bit7':
      return nor.writeRegister([writeEnable, tell(Opcode.writeStatus3e, wanted)], io);
    case 'none':
    case 'unknown':
      throw new RangeError(`there is no quad enable bit to be set: ${quadEnable}`);
    default:
      return assertNever(quadEnable, 'way to quad enable');
  }
}

function bitOf(quadEnable: QuadEnable): number {
  if (quadEnable === 'sr1-bit6') return SR1_BIT6;
  return quadEnable === 'sr2-bit7' ? SR2_BIT7 : SR2_BIT1;
}

async function register(nor: NorChip, quadEnable: QuadEnable, io: IoContext): Promise<number> {
  if (quadEnable === 'sr2-bit7') return (await nor.one(ask(Opcode.readStatus3f, 1), io))[0] ?? 0;
  const { sr1, sr2 } = await nor.statusRegisters(io);
  return quadEnable === 'sr1-bit6' ? sr1 : sr2;
}
