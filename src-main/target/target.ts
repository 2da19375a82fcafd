import type { Clock, IoContext } from '#shared/base/clock.ts';
import type { ChipDescription } from '#shared/model/chip.ts';
import type { Interface } from '#shared/model/recipe.ts';
import type { Reach } from '#shared/model/unit-record.ts';
import type { MemoryAccess } from '../probe/memory-access.ts';
import type { RunControl } from '../probe/run-control.ts';
import type { ServerFlash } from '../probe/server-flash.ts';
import type { DebugView } from './debug-view.ts';
import type { Protection } from './protection/protection.ts';

export interface Identity {
  /** The unit's own hardware id, lower-case hexadecimal, most significant byte first; null where it has none that we know. */
  readonly uid: string | null;
  readonly chip: string;
  /** Lock words as read, by the chip description's names, as hexAddress strings. */
  readonly locks: Readonly<Record<string, string>>;
}

/** One connected chip, whatever dialect reaches it. Made by an opener; closing it closes the probe and link. */
export interface Target {
  readonly chip: ChipDescription;
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
  /** How the chip refuses debuggers; absent where it cannot, and where the dialect cannot see it. */
  readonly protection?: Protection;
  /** What the chip's debug registers tell of it, for people; absent where a debug server keeps them to itself. */
  look?(io: IoContext): Promise<DebugView>;
  /** How the unit was reached, for records. */
  reach?(): Reach;
  /** The debug server's own way to write flash, where it has one. */
  serverFlash?(io: IoContext): Promise<ServerFlash | undefined>;
  /** Reads the identity; rejects with `wrong-chip`, `identity-unreadable` or `chip-protected`. Changes nothing. */
  identify(io: IoContext): Promise<Identity>;
  /** Resets the chip and lets its firmware run. */
  start(io: IoContext): Promise<void>;
  close(io: IoContext): Promise<void>;
}

/** A slot's way to its unit: a clock, and a way to open what is in it right now. */
export interface Connection {
  readonly clock: Clock;
  /** Rejects with a probe or target failure. What was opened half is closed again before it rejects. */
  open(io: IoContext): Promise<Target>;
}

/** Which unit is to be reached, and by which of its interfaces. */
export interface ConnectRequest {
  /** The probe. */
  readonly url: string;
  readonly chip: ChipDescription;
  /** As the recipe says; a gdb server has its own mind about it. */
  readonly interface: Interface;
  /** Lets the bench put that board into the slot. */
  readonly serial: string;
}

export type Connector = (request: ConnectRequest) => Connection;
