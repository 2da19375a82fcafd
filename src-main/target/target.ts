import type { IoContext } from '#shared/base/clock.ts';
import type { ChipDescription, DebugChip } from '#shared/model/chip.ts';
import type { Reach } from '#shared/model/unit-record.ts';
import type { MemoryAccess } from '../probe/memory-access.ts';
import type { RunControl } from '../probe/run-control.ts';
import type { ServerFlash } from '../probe/server-flash.ts';
import type { DebugView } from './debug-view.ts';
import type { Protection } from './protection/protection.ts';
import type { WriteProtection } from './protection/write-protection.ts';

export interface Identity {
  /** The unit's own hardware id, lower-case hexadecimal, most significant byte first; null where it has none that we know. */
  readonly uid: string | null;
  readonly chip: string;
  /** Lock words as read, by the chip description's names, as hexAddress strings. */
  readonly locks: Readonly<Record<string, string>>;
}

/** One connected unit, whatever reaches it. Made by an opener; closing it closes the probe and link. */
export interface Unit {
  readonly chip: ChipDescription;
  /** How the chip refuses to be read; absent where it cannot, and where this way of reaching it cannot see it. */
  readonly protection?: Protection;
  /** Which of its flash it writes for nobody; absent where it has none such, or this way of reaching it cannot tell. */
  readonly writeProtection?: WriteProtection;
  /** What the chip's debug registers tell of it, for people; absent where nobody can see them. */
  look?(io: IoContext): Promise<DebugView>;
  /** How the unit was reached, for records. */
  reach?(): Reach;
  /** Reads the identity; rejects with `wrong-chip`, `identity-unreadable` or `chip-protected`. Changes nothing. */
  identify(io: IoContext): Promise<Identity>;
  /** Resets the unit and lets its firmware run: one that is locked by now as far as it lets itself be reset. */
  start(io: IoContext): Promise<void>;
  close(io: IoContext): Promise<void>;
}

/** A unit that is reached through its chip's debug port. */
export interface Target extends Unit {
  readonly chip: DebugChip;
  readonly memory: MemoryAccess;
  readonly core: RunControl;
  readonly can: {
    /** Memory writes reach peripherals (a flash controller's registers). QEMU's gdb stub goes past them. */
    readonly writePeripherals: boolean;
    /** Memory can be read and written while the core runs: a gdb server answers only while it is halted. */
    readonly accessWhileRunning: boolean;
    /** The core executes code we put in RAM. The bench's nRF52840 has no CPU. */
    readonly executeCode: boolean;
  };
  /** The debug server's own way to write flash, where it has one. */
  serverFlash?(io: IoContext): Promise<ServerFlash | undefined>;
}
