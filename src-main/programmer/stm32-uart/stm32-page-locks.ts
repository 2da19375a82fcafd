import { readU32 } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { type ChipDescription, flashMemories } from '#shared/model/chip.ts';
import type { UartInterface } from '#shared/model/interfaces/uart.ts';
import { pageAreas, type PageLocks, sectorBits } from '../../target/protection/write-protection.ts';
import type { BootLoader } from './boot-loader.ts';

type Words = NonNullable<Extract<UartInterface, { kind: 'stm32' }>['writeProtection']>;

/**
 * Write protection by the boot loader's commands, which reset the chip; what it then says is read among its option bytes.
 * Of areas WRITE PROTECT sets one, from the lowest page that it is given to the highest. The boot loader does not tell of a
 * write that was refused.
 */
export function stm32PageLocks(
  chip: ChipDescription,
  words: Words,
  loader: BootLoader,
  resync: (io: IoContext) => Promise<void>,
): PageLocks {
  const pages = flashMemories(chip).reduce((sum, { size, page }) => sum + size / page, 0);
  return {
    mostRuns: words.kind === 'areas' ? 1 : pages,
    async read(io) {
      if (words.kind === 'sectors')
        return sectorBits.decode(readU32(await loader.read(words.address, 4, io), 0), pages);
      const areas: number[] = [];
      for (const address of words.addresses) areas.push(readU32(await loader.read(address, 4, io), 0));
      return pageAreas.decode(areas);
    },
    async write(wanted, added, io) {
      const numbers = words.kind === 'areas' ? [...wanted] : [...added];
      if (wanted.size === 0) await loader.writeUnprotect(io);
      else
        await loader.writeProtect(
          numbers.toSorted((a, b) => a - b),
          io,
        );
      await resync(io);
    },
  };
}
