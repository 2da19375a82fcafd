/** What an access came to. One shape for the memory bus and for access ports. */
export interface AccessResult {
  readonly value: number;
  /** When the slave let go of the bus (virtual nanoseconds): later than asked if it stalled. */
  readonly doneAt: number;
  readonly fault: boolean;
}

export type AccessSize = 1 | 2 | 4;

/** The chip's memory bus. `value` is right-aligned: no byte lanes here. Addresses are aligned to `size`. */
export interface Bus {
  read(address: number, size: AccessSize, at: number): AccessResult;
  write(address: number, size: AccessSize, value: number, at: number): AccessResult;
}

/** An access port behind the debug port; `register` is the byte offset in its 256-byte register file. */
export interface AccessPort {
  read(register: number, at: number): AccessResult;
  write(register: number, value: number, at: number): AccessResult;
}

export function done(at: number, value = 0): AccessResult {
  return { value: value >>> 0, doneAt: at, fault: false };
}

export function busFault(at: number): AccessResult {
  return { value: 0, doneAt: at, fault: true };
}
