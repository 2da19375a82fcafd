import type { IoContext } from '#shared/base/clock.ts';
import type { FlashMemory } from '#shared/model/chip.ts';
import type { DigestProof } from '#shared/model/unit-record.ts';
import type { PageState } from '../plan/page-state.ts';
import type { Progress } from '../probe/memory-access.ts';

/**
 * What the unit itself reads and hashes, by code that is not the firmware under test (a ROM, a stub of ours). Only
 * cryptographic digests count as a read-back: whoever verifies compares them with that of the bytes wanted, and the
 * record says that the proof is one of these.
 */
export interface FlashDigest {
  readonly algorithm: DigestProof;
  /** Why this unit makes none, once it was asked; undefined as long as nothing speaks against it. */
  readonly refusal?: string | undefined;
  /** Of [address, address + length), lower-case hexadecimal; undefined where this unit turns out to make none. */
  of(address: number, length: number, io: IoContext): Promise<string | undefined>;
}

/** One way of writing a chip's flash: by its controller's registers, by a RAM loader, ... */
export interface FlashDevice {
  readonly name: string;
  /** Where `survey` rests on checksums that the unit makes. */
  readonly surveysBy?: 'digest';
  /**
   * The states of the whole pages in [address, address + size); absent where they are made of what `read` tells
   * (`surveyPages` of survey.ts).
   */
  survey?(memory: FlashMemory, address: number, size: number, io: IoContext, progress?: Progress): Promise<PageState[]>;
  /** Erases the whole pages in [address, address + size). Progress in bytes. */
  erase(memory: FlashMemory, address: number, size: number, io: IoContext, progress?: Progress): Promise<void>;
  /**
   * The chip's one command that erases all of `memories` (its description's massErase), typically in `ms`. Absent where
   * this way of writing has none.
   */
  eraseAll?(memories: readonly FlashMemory[], ms: number, io: IoContext, progress?: Progress): Promise<void>;
  /** `length` bytes at each address, one after another, in few round trips; absent where there is no such way. */
  sample?(addresses: readonly number[], length: number, io: IoContext): Promise<Uint8Array>;
  /**
   * Whether each page of [address, address + wanted.length) holds just these bytes, told by checksums that the unit makes
   * of them itself: for wires on which reading costs more than writing. A hint, as every survey. Asked before `survey`.
   */
  holds?(
    memory: FlashMemory,
    address: number,
    wanted: Uint8Array,
    io: IoContext,
    progress?: Progress,
  ): Promise<boolean[]>;
  /** As many bytes are best given to `program` at once, where the place begins at a multiple of it; absent: a megabyte. */
  readonly programPart?: number;
  /** Programs erased, word-aligned bytes. Rejects with `flash-timeout` or `flash-refused`. */
  program(memory: FlashMemory, address: number, bytes: Uint8Array, io: IoContext, progress?: Progress): Promise<void>;
  /** Reads what the memory holds, through the debug port or whatever reaches it: the proof rests on this. */
  read(address: number, length: number, io: IoContext, progress?: Progress): Promise<Uint8Array>;
  /** Proof where reading everything costs too much; absent where `read` is good enough. */
  readonly digest?: FlashDigest;
  /** Leaves the controller read-only. Called by tear-down, also after a failure. */
  finish(io: IoContext): Promise<void>;
}
