import { assertNever } from '#shared/base/assert-never.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { checkPart, readUid } from '../identity.ts';
import { nrfCtrlAp } from './nrf-ctrl-ap.ts';
import { nrf51Rbpconf } from './nrf51-rbpconf.ts';
import type { Access, Protection, ProtectionKind, ProtectionState } from './protection.ts';
import { samdDsu } from './samd-dsu.ts';
import { stm32f4Locks } from './stm32f4-options.ts';
import { stm32g0Locks } from './stm32g0-options.ts';
import { stm32f4Rdp } from './stm32f4-rdp.ts';
import { stm32g0Rdp } from './stm32g0-rdp.ts';
import { type WriteProtection, writeProtection } from './write-protection.ts';

/** The protection of a chip that has one which we know. */
export function protectionOf(access: Access): Protection | undefined {
  const kind = kindOf(access);
  if (!kind) return undefined;
  const { chip, memory } = access;
  const read = async (io: IoContext) => {
    const state = await faultAsUndefined(kind.read(io));
    if (state && !state.locked) return state;
    if (kind.tellsPart) await checkPart(memory, chip, io);
    return state ?? kind.read(io);
  };
  return {
    read,
    readUid: async (io) => (kind.tellsUid ? readUid(memory, chip, io) : null),
    async unlock(io, progress) {
      const before = await read(io);
      if (!before.locked) return before;
      if (before.forGood) throw stayedLocked(chip.name, before);
      await kind.massErase(io, progress);
      const after = await kind.read(io);
      if (after.locked) throw stayedLocked(chip.name, after);
      return after;
    },
    async lock(io) {
      const before = await read(io);
      if (before.locked) return before;
      await kind.setLock(io);
      return kind.read(io);
    },
  };
}

/** The write protection of a chip that has one which we know. */
export function writeProtectionOf(access: Access): WriteProtection | undefined {
  const { kind } = access.chip.protection ?? {};
  if (kind === 'stm32f4-rdp') return writeProtection(access.chip, stm32f4Locks(access));
  return kind === 'stm32g0-rdp' ? writeProtection(access.chip, stm32g0Locks(access)) : undefined;
}

function kindOf(access: Access): ProtectionKind | undefined {
  const { protection } = access.chip;
  switch (protection?.kind) {
    case undefined:
      return undefined;
    case 'nrf-ctrl-ap':
      return nrfCtrlAp(access, protection.ap);
    case 'nrf51-rbpconf':
      return nrf51Rbpconf(access);
    case 'stm32f4-rdp':
      return stm32f4Rdp(access);
    case 'stm32g0-rdp':
      return stm32g0Rdp(access);
    case 'samd-dsu':
      return samdDsu(access, protection.base);
    default:
      return assertNever(protection, 'protection');
  }
}

function stayedLocked(chip: string, { observed }: ProtectionState): FlashlineError {
  const found = Object.entries(observed)
    .map(([name, value]) => `${name}: ${value}`)
    .join(', ');
  return new FlashlineError('unlock-failed', { params: { chip, found } });
}

/** Where another chip has nothing at all, its bus refuses. */
async function faultAsUndefined(reading: Promise<ProtectionState>): Promise<ProtectionState | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof FlashlineError && error.failure.code === 'target-fault') return undefined;
    throw error;
  }
}
