import { concat, hexAddress, isFilledWith, readU32, toHex } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import type { ChipDescription } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { MemoryAccess } from '../probe/memory-access.ts';
import type { Identity } from './target.ts';

/** All that identifying takes: a boot loader's read commands will do. */
type ReadMemory = Pick<MemoryAccess, 'read' | 'readWord'>;

/**
 * Reads who the unit is: the registers that tell the chip, its hardware id, its lock words. Only reads.
 * Rejects with `wrong-chip` when a register tells of another chip or is none at all, and with `identity-unreadable`
 * when the hardware id is all zeros or all ones: no factory programs that, so the read did not reach it.
 */
export async function identifyChip(memory: ReadMemory, chip: ChipDescription, io: IoContext): Promise<Identity> {
  await checkPart(memory, chip, io);
  return { uid: await readUid(memory, chip, io), chip: chip.id, locks: await readLocks(memory, chip, io) };
}

/** Rejects with `wrong-chip`. */
export async function checkPart(memory: ReadMemory, chip: ChipDescription, io: IoContext): Promise<void> {
  for (const check of chip.identity.checks) {
    const found = await readOrFault(memory, check.address, io);
    if (found !== undefined && ((found ^ check.value) & check.mask) === 0) continue;
    throw new FlashlineError('wrong-chip', {
      where: { address: check.address },
      params: {
        expected: chip.name,
        register: check.register,
        found: found === undefined ? 'a bus fault' : hexAddress(found),
      },
    });
  }
}

/** Where another chip has nothing at all, its bus refuses, each time it is asked: undefined. */
async function readOrFault(memory: ReadMemory, address: number, io: IoContext): Promise<number | undefined> {
  for (let attempt = 1; attempt <= 2; attempt++) {
    try {
      return await memory.readWord(address, io);
    } catch (error) {
      if (!(error instanceof FlashlineError) || error.failure.code !== 'target-fault') throw error;
    }
  }
  return undefined;
}

/** Rejects with `identity-unreadable`. */
export async function readUid(memory: ReadMemory, chip: ChipDescription, io: IoContext): Promise<string | null> {
  if (!chip.identity.uid) return null;
  const parts = [chip.identity.uid].flat();
  const pieces: Uint8Array[] = [];
  for (const { address, size } of parts) pieces.push(await memory.read(address, size, io));
  const bytes = concat(pieces);
  const address = parts[0]?.address ?? 0;
  if (isFilledWith(bytes, 0x00) || isFilledWith(bytes, 0xff)) {
    throw new FlashlineError('identity-unreadable', { where: { address }, params: { register: hexAddress(address) } });
  }
  // The register is little endian; people and labels read ids from the most significant byte.
  return toHex(bytes.toReversed());
}

async function readLocks(memory: ReadMemory, chip: ChipDescription, io: IoContext): Promise<Record<string, string>> {
  const locks: Record<string, string> = {};
  for (const lock of chip.locks) {
    const bytes = await memory.read(lock.address, lock.size, io);
    locks[lock.name] = lock.size === 4 ? hexAddress(readU32(bytes, 0)) : `0x${toHex(bytes.toReversed()).toUpperCase()}`;
  }
  return locks;
}
