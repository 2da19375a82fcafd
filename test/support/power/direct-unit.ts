import { hexAddress } from '#shared/base/bytes.ts';
import type { ChipDescription } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { VirtualClock } from '#main/bench/virtual-clock.ts';
import type { FlashDevice } from '#main/programmer/flash-device.ts';
import type { LockSteps } from '#main/programmer/lock-steps.ts';
import type { Connection, Programmer } from '#main/programmer/programmer.ts';
import { ProtectionLocks } from '#main/programmer/protection-locks.ts';
import type { Protection } from '#main/target/protection/protection.ts';
import type { Cells } from './cells.ts';

/** How a kind of unit keeps its one-way steps in its cells. */
export interface DirectLocks {
  /** Read-out protection that a mass erase lifts; absent where there is none. */
  readonly protection?: {
    isLocked(cells: Cells): boolean;
    lock(cells: Cells): void;
    unlock(cells: Cells): void;
  };
  readonly steps?: (cells: Cells) => LockSteps;
}

/**
 * A unit without wire, probe and time: its flash does at once what a flash does. Station, planner, executor and lock steps are the
 * real ones; a run takes a thousandth of what it takes with every packet simulated.
 */
export function directUnit(chip: ChipDescription, cells: Cells, locks: DirectLocks): Connection {
  const protection = locks.protection && protectionOf(cells, locks.protection);
  const read = async (address: number, length: number) => {
    if (locks.protection?.isLocked(cells))
      throw new FlashlineError('target-fault', { params: { address: hexAddress(address) } });
    return cells.read(address, length);
  };
  const unit: Programmer = {
    chip,
    ...(protection ? { protection } : {}),
    locks: locks.steps?.(cells) ?? new ProtectionLocks({ chip, protection, read }),
    identify: () => Promise.resolve({ uid: '01', chip: chip.id, locks: {} }),
    openFlash: () => Promise.resolve(flashOf(cells, read)),
    start: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
  return { clock: new VirtualClock(0), open: () => Promise.resolve(unit) };
}

function flashOf(cells: Cells, read: FlashDevice['read']): FlashDevice {
  return {
    name: 'direct',
    read,
    erase: async (memory, address, size) => cells.write(address, new Uint8Array(size).fill(memory.erased)),
    program: async (_memory, address, bytes) => {
      const held = cells.read(address, bytes.length);
      cells.write(
        address,
        bytes.map((byte, at) => byte & (held[at] ?? 0)),
      );
    },
    finish: () => Promise.resolve(),
  };
}

function protectionOf(cells: Cells, kind: NonNullable<DirectLocks['protection']>): Protection {
  const state = () => ({ locked: kind.isLocked(cells), observed: { lock: kind.isLocked(cells) ? 'locked' : 'open' } });
  return {
    read: () => Promise.resolve(state()),
    readUid: () => Promise.resolve('01'),
    lock: async () => {
      kind.lock(cells);
      return state();
    },
    unlock: async () => {
      kind.unlock(cells);
      return state();
    },
  };
}
