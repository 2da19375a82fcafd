import type { IoContext } from '#shared/base/clock.ts';

/** Bytes done so far; called between packets, at most once a packet. */
export type Progress = (bytesDone: number) => void;

/** Memory as the debugger sees it. Addresses and lengths in bytes; 32-bit accesses where both are 4-aligned. */
export type AddressedWord = readonly [address: number, value: number];

export interface MemoryAccess {
  read(address: number, length: number, io: IoContext, progress?: Progress): Promise<Uint8Array>;
  /** `length` bytes at each of the 4-aligned addresses, one after another, in full packets; absent where each is a call. */
  readEach?(addresses: readonly number[], length: number, io: IoContext): Promise<Uint8Array>;
  write(address: number, bytes: Uint8Array, io: IoContext, progress?: Progress): Promise<void>;
  readWord(address: number, io: IoContext): Promise<number>;
  writeWord(address: number, value: number, io: IoContext): Promise<void>;
  /** One word after another, each `[address, value]`, in full packets; absent where each is a call. */
  writeWords?(words: readonly AddressedWord[], io: IoContext): Promise<void>;
  /**
   * Resolves once `(word at address & mask) === value`; the probe polls by itself where it can.
   * Rejects with `flash-timeout` after `timeoutMs` of the context's clock.
   */
  waitForWord(address: number, mask: number, value: number, timeoutMs: number, io: IoContext): Promise<void>;
}
