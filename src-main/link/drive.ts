import type { IoContext } from '#shared/base/clock.ts';

/** A boot loader's drive, with files at its top; whatever mounts it. */
export interface Drive {
  /** As the user names it, for messages. */
  readonly url: string;
  /** The USB device's serial number, where it can be found out. */
  readonly serial: string | undefined;
  /** A file's size in bytes; undefined where there is none of that name, in upper or lower case. */
  size(name: string, io: IoContext): Promise<number | undefined>;
  /**
   * What the device says now, past what the system keeps of it. `offset` and `length` are whole sectors of 512 bytes.
   * Rejects with `probe-lost` when the drive is gone, with `probe-silent` when it does not answer.
   */
  read(name: string, offset: number, length: number, io: IoContext): Promise<Uint8Array>;
  /** Writes a file and resolves when all of it is on the device, in whatever order the system chose. As `read` rejects. */
  write(name: string, bytes: Uint8Array, io: IoContext): Promise<void>;
  /** Lets go of the drive, whose device is going to leave or has left; resolves to whether it left in time. */
  left(timeoutMs: number, io: IoContext): Promise<boolean>;
  /** Whether the boot loader's drive is there again, a moment after it left. */
  isBack(io: IoContext): Promise<boolean>;
  /** Never rejects; may be called twice. */
  close(): Promise<void>;
}

export const SECTOR = 512;
