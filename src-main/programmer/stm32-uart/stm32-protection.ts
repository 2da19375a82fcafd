import type { IoContext } from '#shared/base/clock.ts';
import { type ChipDescription, flashMemories } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Progress } from '../../probe/memory-access.ts';
import type { Protection, ProtectionState } from '../../target/protection/protection.ts';
import { rdpState } from '../../target/protection/rdp.ts';
import type { BootLoader } from './boot-loader.ts';

/** What protection needs of the unit that it protects. */
export interface Protected {
  readonly chip: ChipDescription;
  readonly loader: BootLoader;
  /** Where the option byte is, and how long erasing everything takes. */
  readonly rdp: number;
  readonly massEraseMs: number;
  /** The chip was reset: its boot loader is synchronised with anew. */
  readonly resync: (io: IoContext) => Promise<void>;
  /** Rejects with `wrong-chip`: a locked chip still tells its product id. */
  readonly checkPart: (io: IoContext) => Promise<void>;
}

/**
 * Read-out protection as the boot loader shows it: at level 1 it refuses READ, and lifting the protection erases everything.
 * At level 2 there is no boot loader (RM0090, 3.7.3), so none that answers is locked for good.
 */
export function stm32Protection({ chip, loader, rdp, massEraseMs, resync, checkPart }: Protected): Protection {
  const read = async (io: IoContext): Promise<ProtectionState> => {
    await checkPart(io);
    if (!(await loader.mayRead(rdp, io))) return { locked: true, observed: { RDP: 'level 1 (READ is refused)' } };
    const [byte = 0] = await loader.read(rdp, 1, io);
    return rdpState(byte);
  };
  return {
    read,
    readUid: () => Promise.resolve(null),
    async unlock(io: IoContext, progress?: Progress) {
      await loader.readoutUnprotect(massEraseMs, io);
      await resync(io);
      progress?.(flashMemories(chip).reduce((sum, { size }) => sum + size, 0));
      const state = await read(io);
      if (!state.locked) return state;
      const found = state.observed['RDP'] ?? '';
      throw new FlashlineError('unlock-failed', { params: { chip: chip.name, found } });
    },
    async lock(io) {
      await loader.readoutProtect(io);
      await resync(io);
      return read(io);
    },
  };
}
