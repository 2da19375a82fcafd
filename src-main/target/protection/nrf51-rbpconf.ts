import { hexAddress } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { orResetting, systemReset } from './after-reset.ts';
import { untilErased } from './mass-erase-wait.ts';
import { closeController, isReady, programWord, startEraseAll } from './nrf-nvmc.ts';
import type { Access, ProtectionKind } from './protection.ts';

/** UICR.RBPCONF: PR0 in bits 7-0 protects code region 0, PALL in bits 15-8 everything; 0xFF is open (nRF51 RM v3.0, 8). */
const RBPCONF = 0x1000_1004;
const OPEN = 0xffff;
const PROTECT_ALL = 0xffff_00ff;

export function nrf51Rbpconf(access: Access): ProtectionKind {
  const { memory, core, chip } = access;
  return {
    tellsPart: true,
    tellsUid: false,
    async read(io) {
      const value = await readRbpconf(io);
      const locked = value === undefined || (value & OPEN) !== OPEN;
      const word = value === undefined ? 'cannot be read' : hexAddress(value);
      // RBPCONF alone is the lock word's name, where it is recorded as the word that it is.
      return { locked, observed: { 'RBPCONF.PALL': `${locked ? 'protected' : 'not protected'} (${word})` } };
    },
    async massErase(io, progress) {
      // Firmware that runs on might use the controller too; where the core cannot be reached it cannot be stopped.
      await orResetting(core.halt(io));
      await startEraseAll(access, io);
      await untilErased(chip, () => isReady(access, io), io, progress);
      await closeController(access, io);
      await systemReset(access, io);
    },
    async setLock(io) {
      await programWord(access, RBPCONF, PROTECT_ALL, io);
      await systemReset(access, io);
    },
  };

  async function readRbpconf(io: IoContext): Promise<number | undefined> {
    try {
      return await memory.readWord(RBPCONF, io);
    } catch (error) {
      if (error instanceof FlashlineError && error.failure.code === 'target-fault') return undefined;
      throw error;
    }
  }
}
