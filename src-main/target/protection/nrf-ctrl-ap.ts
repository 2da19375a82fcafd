import { hexAddress } from '#shared/base/bytes.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { untilErased } from './mass-erase-wait.ts';
import { programWord } from './nrf-nvmc.ts';
import type { Access, ProtectionKind } from './protection.ts';

/** Nordic's control access port, which protection leaves open (nRF52840 PS v1.1, 4.8.2). */
const RESET = 0x00;
const ERASEALL = 0x04;
const ERASEALLSTATUS = 0x08;
const APPROTECTSTATUS = 0x0c;
/** IDR without its revision. */
const IDR = 0x0288_0000;
const IDR_MASK = 0x0fff_ffff;

/** UICR.APPROTECT: any PALL (bits 7-0) but 0xFF protects (4.5 UICR). */
const UICR_APPROTECT = 0x1000_1208;
const PROTECT_ALL = 0xffff_ff00;

export function nrfCtrlAp(access: Access, ap: number): ProtectionKind {
  const { adi, chip } = access;
  return {
    tellsPart: false,
    tellsUid: false,
    async read(io) {
      const idr = await adi.identify(ap, io);
      if ((idr & IDR_MASK) >>> 0 !== IDR) {
        const params = { expected: chip.name, register: `AP${ap}.IDR`, found: hexAddress(idr) };
        throw new FlashlineError('wrong-chip', { params });
      }
      const locked = ((await adi.readAp(ap, APPROTECTSTATUS, io)) & 1) === 0;
      return { locked, observed: { APPROTECTSTATUS: locked ? 'protected (0)' : 'not protected (1)' } };
    },
    async massErase(io, progress) {
      await adi.writeAp(ap, ERASEALL, 1, io);
      await untilErased(chip, async () => (await adi.readAp(ap, ERASEALLSTATUS, io)) === 0, io, progress);
      await adi.writeAp(ap, ERASEALL, 0, io);
      await resetByPort(io);
    },
    async setLock(io) {
      await programWord(access, UICR_APPROTECT, PROTECT_ALL, io);
      await resetByPort(io);
    },
  };

  /** A soft reset latches UICR anew and, unlike one by the pin, keeps later silicon open after ERASEALL. */
  async function resetByPort(io: Parameters<ProtectionKind['setLock']>[0]): Promise<void> {
    await adi.writeAp(ap, RESET, 1, io);
    await adi.writeAp(ap, RESET, 0, io);
  }
}
