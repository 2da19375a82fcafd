import type { IoContext } from '#shared/base/clock.ts';
import type { DebugChip } from '#shared/model/chip.ts';
import type { MemoryAccess, Progress } from '../../probe/memory-access.ts';
import type { RunControl } from '../../probe/run-control.ts';
import type { Adi } from '../adi.ts';

/** How a chip refuses debuggers, as far as one of them can see. */
export interface ProtectionState {
  readonly locked: boolean;
  /** No mass erase opens it any more. */
  readonly forGood?: boolean;
  /** What was read, by the name of the register that says it, with what it means: `RDP: level 0 (0xAA)`. */
  readonly observed: Readonly<Record<string, string>>;
}

/** A chip's protection against debuggers: one chip, connected. */
export interface Protection {
  /** By what `unlock` opens it, where that is not a mass erase: clearing the protection of blocks loses nothing. */
  readonly opensBy?: 'block-protection';
  /** Only reads. Rejects with `wrong-chip` where a locked chip shows that it is another one: no reason to erase it. */
  read(io: IoContext): Promise<ProtectionState>;
  /** The hardware id of a locked chip, null where it does not tell it. Only reads; rejects with `identity-unreadable`. */
  readUid(io: IoContext): Promise<string | null>;
  /**
   * Erases the whole chip and so opens it; `progress` is reckoned from the data sheet's time and counts flash bytes.
   * The chip was reset when this resolves, and is open as `read` saw it. Rejects with `flash-timeout`, and with
   * `unlock-failed` when it is still locked.
   */
  unlock(io: IoContext, progress?: Progress): Promise<ProtectionState>;
  /**
   * Locks the chip, resets it, and resolves to what it then says: whoever asked for the lock compares. Journal this
   * before it is called. Never takes a chip to a state that no mass erase opens.
   */
  lock(io: IoContext): Promise<ProtectionState>;
}

/** What a protection is worked through. */
export interface Access {
  readonly chip: DebugChip;
  readonly adi: Adi;
  readonly memory: MemoryAccess;
  readonly core: RunControl;
}

/** One way of protecting: what differs between families. */
export interface ProtectionKind {
  /** True where a locked chip still shows the registers that say which part it is. */
  readonly tellsPart: boolean;
  /** True where a locked chip still tells its hardware id. */
  readonly tellsUid: boolean;
  read(io: IoContext): Promise<ProtectionState>;
  /** Starts the mass erase, waits for its end and resets the chip. */
  massErase(io: IoContext, progress?: Progress): Promise<void>;
  /** Sets the lock and resets the chip. */
  setLock(io: IoContext): Promise<void>;
}
