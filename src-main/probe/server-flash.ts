import type { IoContext } from '#shared/base/clock.ts';
import type { Progress } from './memory-access.ts';

/** Flash that the debug server writes by its own knowledge of the chip. Addresses and sizes in bytes. */
export interface ServerFlash {
  /** [address, address + size) is flash of its map, and whole erase blocks. */
  erases(address: number, size: number): boolean;
  /** Rejects with `flash-refused`, or `probe-silent` after `timeoutMs`. */
  erase(address: number, size: number, timeoutMs: number, io: IoContext): Promise<void>;
  /** Erased bytes; resolves when they are written. `timeoutMs` is for the server's one longest step. */
  write(address: number, bytes: Uint8Array, timeoutMs: number, io: IoContext, progress?: Progress): Promise<void>;
}
