import { hexAddress } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { systemReset, throughReset } from './after-reset.ts';
import { untilErased } from './mass-erase-wait.ts';
import type { Access, ProtectionKind } from './protection.ts';

/** The device service unit's registers, which a locked chip shows to debuggers from here on only (SAMD21 data sheet, 13). */
const EXTERNAL = 0x100;
const CTRL = EXTERNAL + 0x0;
const STATUSA = EXTERNAL + 0x1;
const STATUSB = EXTERNAL + 0x2;
const CTRL_CHIP_ERASE = 0x10;
const STATUSA_DONE = 0x01;
const STATUSA_FAIL = 0x08;
const STATUSA_PROTECTION_ERROR = 0x10;
/** Each flag of STATUSA is cleared by writing it back; CRSTEXT among them lets a held core go. */
const STATUSA_ALL = 0x1f;
const STATUSB_PROT = 0x01;

/** NVMCTRL (22.8): CTRLA takes a command with its key; INTFLAG.READY. */
const NVM_CTRLA = 0x00;
const NVM_INTFLAG = 0x14;
const SET_SECURITY_BIT = [0x45, 0xa5] as const;
const COMMAND_MS = 100;
const RESET_MS = 10;

export function samdDsu(access: Access, dsu: number): ProtectionKind {
  const { memory, adi, chip } = access;
  return {
    tellsPart: true,
    tellsUid: false,
    async read(io) {
      const locked = ((await readByte(STATUSB, io)) & STATUSB_PROT) !== 0;
      return { locked, observed: { 'DSU.PROT': locked ? 'protected (1)' : 'not protected (0)' } };
    },
    async massErase(io, progress) {
      await writeByte(STATUSA, STATUSA_ALL, io);
      await writeByte(CTRL, CTRL_CHIP_ERASE, io);
      await untilErased(chip, () => isOver(io), io, progress);
      await writeByte(STATUSA, STATUSA_ALL, io);
      // A locked core's own reset cannot be asked for; the line resets it, where it is wired.
      await throughReset(access, () => adi.port.pulseReset(RESET_MS, io), io);
      if (((await readByte(STATUSB, io)) & STATUSB_PROT) !== 0) await systemReset(access, io);
    },
    async setLock(io) {
      await memory.write(chip.controller.base + NVM_CTRLA, Uint8Array.from(SET_SECURITY_BIT), io);
      await memory.waitForWord(chip.controller.base + NVM_INTFLAG, 1, 1, COMMAND_MS, io);
      await systemReset(access, io);
    },
  };

  async function isOver(io: IoContext): Promise<boolean> {
    const status = await readByte(STATUSA, io);
    if (status & (STATUSA_FAIL | STATUSA_PROTECTION_ERROR)) {
      const cause = status & STATUSA_FAIL ? 'the chip erase failed' : 'the chip erase was refused';
      throw new FlashlineError('flash-refused', { params: { address: hexAddress(dsu) }, cause });
    }
    return (status & STATUSA_DONE) !== 0;
  }

  async function readByte(offset: number, io: IoContext): Promise<number> {
    return (await memory.read(dsu + offset, 1, io))[0] ?? 0;
  }

  function writeByte(offset: number, value: number, io: IoContext): Promise<void> {
    return memory.write(dsu + offset, Uint8Array.of(value), io);
  }
}
